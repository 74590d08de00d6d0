//! `--net`: a network card, and what its cable leads to.

use rv_backends::nat::Forward;

/// The address of the first card, as QEMU has it; the next ones count up.
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

/// A network card, as it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetArg {
    mac: Option<[u8; 6]>,
    cable: CableArg,
}

/// What its cable leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CableArg {
    /// The host's networks, by address translation.
    User {
        /// No way out but forwarded ports.
        restrict: bool,
        /// Ports of the host that lead to the guest.
        forwards: Vec<Forward>,
    },
    /// The other card of this machine whose cable has this name.
    Wire(String),
}

impl NetArg {
    /// Reads `user[,hostfwd=RULE]...[,restrict=on|off][,mac=ADDRESS]` or `wire=NAME[,mac=ADDRESS]`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split(',');
        let kind = words.next().unwrap_or_default();
        let (mut mac, mut restrict, mut forwards) = (None, false, Vec::new());
        let user = match kind.split_once('=') {
            None if kind == "user" => true,
            Some(("wire", name)) if !name.is_empty() => false,
            _ => return Err(format!("`{kind}` is no kind of network: there are user and wire=NAME")),
        };
        for word in words {
            match word.split_once('=') {
                Some(("hostfwd", rule)) if user => forwards.push(rule.parse()?),
                Some(("restrict", "on")) if user => restrict = true,
                Some(("restrict", "off")) if user => restrict = false,
                Some(("mac", address)) => mac = Some(self::mac(address)?),
                _ if user => {
                    return Err(format!("`{word}` is none of hostfwd=RULE, restrict=on, restrict=off, mac=ADDRESS"));
                }
                _ => return Err(format!("`{word}`: a wire has nothing but mac=ADDRESS")),
            }
        }
        let cable = match kind.split_once('=') {
            Some((_, name)) => CableArg::Wire(name.to_owned()),
            None => CableArg::User { restrict, forwards },
        };
        Ok(Self { mac, cable })
    }

    /// The card's address, as the machine's `number`th.
    pub fn mac(&self, number: usize) -> [u8; 6] {
        let [rest @ .., last] = MAC;
        let [a, b, c, d, e] = rest;
        self.mac.unwrap_or([a, b, c, d, e, last.wrapping_add(number as u8)])
    }

    /// What its cable leads to.
    pub fn cable(&self) -> &CableArg {
        &self.cable
    }
}

/// An address of one card, which is no group's.
fn mac(text: &str) -> Result<[u8; 6], String> {
    let bytes: Option<Vec<u8>> = text.split(':').map(byte).collect();
    let address = bytes.and_then(|bytes| <[u8; 6]>::try_from(bytes).ok());
    let one = address.filter(|address| address[0] & 1 == 0 && *address != [0; 6]);
    one.ok_or_else(|| format!("mac={text}: it must be like 52:54:00:12:34:56, and no group's"))
}

fn byte(text: &str) -> Option<u8> {
    let digits = matches!(text.len(), 1 | 2) && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(text, 16).ok().filter(|_| digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_read() {
        let net = NetArg::parse("user,hostfwd=tcp::2222-:22,restrict=on,hostfwd=udp::53-:53,mac=2:0:0:0:0:fF").unwrap();
        assert_eq!(net.mac(3), [2, 0, 0, 0, 0, 0xff]);
        assert!(matches!(net.cable(), CableArg::User { restrict: true, forwards } if forwards.len() == 2));
        assert_eq!(NetArg::parse("wire=a").unwrap().cable(), &CableArg::Wire("a".to_owned()));
        assert_eq!(NetArg::parse("user").unwrap().mac(1), [0x52, 0x54, 0, 0x12, 0x34, 0x57]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, part) in [
            ("", "there are user and wire=NAME"),
            ("tap", "`tap` is no kind of network"),
            ("wire=", "`wire=` is no kind"),
            ("wire=a,restrict=on", "a wire has nothing but"),
            ("user,restrict", "`restrict` is none of"),
            ("user,restrict=yes", "`restrict=yes` is none of"),
            ("user,hostfwd=tcp:22", "is not PROTOCOL"),
            ("user,mac=1:2:3:4:5:6", "no group's"),
            ("user,mac=2:2:3:4:5", "must be like"),
            ("user,mac=2:2:3:4:5:+6", "must be like"),
        ] {
            let error = NetArg::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
