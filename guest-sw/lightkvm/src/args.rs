//! The command line.

use core::ffi::CStr;

use crate::aia::Mode;
use crate::kvm::VCPUS_MAX;
use crate::sys::{Error, refuse};

/// What the command says, for whoever gets it wrong.
pub const USAGE: &str = "\
lightkvm: boots a Linux kernel as a guest of KVM
  --kernel IMAGE     an uncompressed kernel (needed)
  --initrd ARCHIVE   its initial archive
  --append TEXT      its command line
  --memory MIB       its memory, 64 to 65536 MiB [256]
  --cpus N           its harts, 1 to 16 [1]
  --irqchip WHICH    auto, plic, aia, aia-emul, aia-hw [auto: the kernel's AIA if it has one, our PLIC if not]
The guest's serial port is standard input and output; its end ends the program.
";

/// Which interrupt controller the guest gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Irqchip {
    /// The kernel's if it has one.
    Auto,
    /// A PLIC in this program.
    Plic,
    /// The kernel's AIA.
    Aia(Mode),
}

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args<'a> {
    /// The kernel's file.
    pub kernel: &'a CStr,
    /// The initial archive's file.
    pub initrd: Option<&'a CStr>,
    /// The kernel's command line.
    pub append: &'a str,
    /// Bytes of memory.
    pub memory: usize,
    /// vCPUs.
    pub cpus: usize,
    /// The interrupt controller.
    pub irqchip: Irqchip,
}

/// Reads the arguments behind the program's name.
///
/// # Errors
/// What is wrong with them.
pub fn parse<'a>(mut arguments: impl Iterator<Item = &'a CStr>) -> Result<Args<'a>, Error> {
    let mut args = Args { kernel: c"", initrd: None, append: "", memory: 256 << 20, cpus: 1, irqchip: Irqchip::Auto };
    while let Some(option) = arguments.next() {
        let Some(value) = arguments.next() else {
            return refuse("the last option has no value");
        };
        let text = value.to_str().unwrap_or("\0");
        match option.to_bytes() {
            b"--kernel" => args.kernel = value,
            b"--initrd" => args.initrd = Some(value),
            b"--append" if text != "\0" => args.append = text,
            b"--memory" => match text.parse() {
                Ok(mib @ 64..=65536) => args.memory = mib << 20,
                _ => return refuse("--memory takes 64 to 65536 MiB"),
            },
            b"--cpus" => match text.parse() {
                Ok(cpus @ 1..=VCPUS_MAX) => args.cpus = cpus,
                _ => return refuse("--cpus takes 1 to 16"),
            },
            b"--irqchip" => args.irqchip = irqchip(text)?,
            _ => return refuse("an unknown option"),
        }
    }
    if args.kernel.is_empty() {
        return refuse("--kernel is missing");
    }
    Ok(args)
}

fn irqchip(text: &str) -> Result<Irqchip, Error> {
    Ok(match text {
        "auto" => Irqchip::Auto,
        "plic" => Irqchip::Plic,
        "aia" => Irqchip::Aia(Mode::Auto),
        "aia-emul" => Irqchip::Aia(Mode::Emulated),
        "aia-hw" => Irqchip::Aia(Mode::Hardware),
        _ => return refuse("--irqchip takes auto, plic, aia, aia-emul or aia-hw"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'a>(words: &[&'a CStr]) -> Result<Args<'a>, Error> {
        parse(words.iter().copied())
    }

    #[test]
    fn options_are_read() {
        let args = of(&[c"--kernel", c"Image", c"--cpus", c"2", c"--memory", c"64", c"--irqchip", c"plic"]).unwrap();
        assert_eq!((args.kernel, args.cpus, args.memory), (c"Image", 2, 64 << 20));
        assert_eq!(args.irqchip, Irqchip::Plic);
    }

    #[test]
    fn mistakes_are_named() {
        let wrong: [&[&CStr]; 6] = [
            &[],
            &[c"--kernel"],
            &[c"--kernel", c"a", c"--cpus", c"17"],
            &[c"--kernel", c"a", c"--memory", c"1"],
            &[c"--kernel", c"a", c"--irqchip", c"gic"],
            &[c"--what", c"a"],
        ];
        for words in wrong {
            assert!(of(words).is_err(), "{words:?}");
        }
    }
}
