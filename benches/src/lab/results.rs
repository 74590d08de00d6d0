//! What guest, peer, backend and other work say of themselves: lines `#result {json}` on the console.

use serde_json::Value;

use super::row::Work;
use super::stats::Latency;

/// How such a line begins.
const MARK: &str = "#result ";

/// What a run did, as far as its software can tell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outcome {
    /// What was done.
    pub work: Work,
    /// Latencies of all guests together.
    pub latency: Option<Latency>,
    /// All results, without histograms.
    pub results: Vec<Value>,
}

/// All results in a console's output, in order.
///
/// # Errors
/// A result that can't be read.
pub fn parse(output: &[u8]) -> Result<Vec<Value>, String> {
    let text = String::from_utf8_lossy(output);
    let found = text.lines().filter_map(|line| Some(line.split_once(MARK)?.1.trim()));
    found
        .map(|json| serde_json::from_str(json).map_err(|error| format!("a result is damaged ({error}): {json}")))
        .collect()
}

/// Results of `who`.
fn of<'a>(results: &'a [Value], who: &'a str) -> impl Iterator<Item = &'a Value> {
    results.iter().filter(move |result| result["who"] == who)
}

fn sum<'a>(results: impl Iterator<Item = &'a Value>, field: &str) -> u64 {
    results.filter_map(|result| result[field].as_u64()).sum()
}

/// Puts the results of `guests` guests together. With a peer, what counts is what arrived there.
///
/// # Errors
/// Whose result is missing, or who found an error.
pub fn outcome(output: &[u8], guests: usize, peer: bool) -> Result<Outcome, String> {
    let mut results = parse(output)?;
    let reported = of(&results, "guest").count();
    if reported != guests {
        return Err(format!("{reported} guests of {guests} gave a result; the last words: {}", tail(output)));
    }
    if peer && of(&results, "peer").next().is_none() {
        return Err(format!("the peer gave no result; the last words: {}", tail(output)));
    }
    for result in &results {
        let errors = ["errors", "checksum_errors"].iter().filter_map(|field| result[*field].as_u64()).sum::<u64>();
        if errors != 0 {
            return Err(format!("{} found {errors} errors in its data", result["who"].as_str().unwrap_or("somebody")));
        }
        if let Some(retries) = result["retries"].as_u64().filter(|retries| *retries != 0) {
            return Err(format!("{retries} messages were lost and sent again, which took time that is measured"));
        }
    }
    let bytes_of = if peer { "peer" } else { "guest" };
    let work = Work {
        ops: sum(of(&results, "guest"), "ops"),
        messages: peer.then(|| sum(of(&results, "peer"), "messages")),
        bytes: sum(of(&results, bytes_of), "bytes"),
    };
    if work.ops == 0 || work.bytes == 0 {
        return Err(format!("nothing was done: {} operations, {} bytes arrived", work.ops, work.bytes));
    }
    let latency = latency(&results)?;
    for result in &mut results {
        if let Some(latency) = result.get_mut("latency").and_then(Value::as_object_mut) {
            latency.remove("hist");
        }
        result.as_object_mut().map(|result| result.remove("hist"));
    }
    Ok(Outcome { work, latency, results })
}

fn latency(results: &[Value]) -> Result<Option<Latency>, String> {
    let mut all = Vec::new();
    for result in of(results, "guest").filter(|result| !result["latency"].is_null()) {
        let mut latency: Latency = serde_json::from_value(result["latency"].clone())
            .map_err(|error| format!("latencies are damaged: {error}"))?;
        // The histogram may stand inside, or beside.
        if let (true, Ok(hist)) = (latency.hist.is_empty(), serde_json::from_value(result["hist"].clone())) {
            latency.hist = hist;
        }
        all.push(latency);
    }
    Ok(Latency::merge(&all))
}

/// The end of what was printed, for messages.
pub fn tail(output: &[u8]) -> String {
    let from = output.len().saturating_sub(400);
    String::from_utf8_lossy(&output[from..]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUEST: &str = r#"#result {"who":"guest","ops":4,"bytes":256,"cycles":900,"errors":0,"kicks":4,"latency":{"p50":10,"p90":20,"p99":20,"p999":20,"max":20,"mean":12.5,"hist":[[10,3],[20,1]]}}"#;
    const PEER: &str = r#"#result {"who":"peer","messages":3,"bytes":192,"checksum_errors":0,"lost":1}"#;

    #[test]
    fn guests_and_peer_are_put_together() {
        let text = format!("boot\n{GUEST}\r\n[    0.1] {PEER}\nbye\n");
        let outcome = outcome(text.as_bytes(), 1, true).unwrap();
        assert_eq!(outcome.work, Work { ops: 4, messages: Some(3), bytes: 192 });
        let latency = outcome.latency.unwrap();
        assert_eq!((latency.p50, latency.hist.len()), (10, 2));
        assert_eq!(outcome.results.len(), 2);
        assert!(outcome.results[0]["latency"]["hist"].is_null(), "a row has its histogram once");
        assert_eq!(outcome.results[0]["kicks"], 4);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let fails = |text: &str, guests, peer| outcome(text.as_bytes(), guests, peer).unwrap_err();
        assert!(fails("panic!\n", 1, false).contains("0 guests of 1 gave a result; the last words: panic!"));
        assert!(fails(GUEST, 1, true).contains("the peer gave no result"));
        assert!(fails("#result {\"who\":", 1, false).contains("damaged"));
        let wrong = GUEST.replace("\"errors\":0", "\"errors\":2");
        assert_eq!(fails(&wrong, 1, false), "guest found 2 errors in its data");
        let nothing = GUEST.replace("\"ops\":4", "\"ops\":0");
        assert!(fails(&nothing, 1, false).contains("nothing was done"));
    }

    #[test]
    fn a_histogram_may_stand_beside() {
        let text = r#"#result {"who":"guest","ops":1,"bytes":1,"latency":{"p50":1,"p90":1,"p99":1,"p999":1,"max":1,"mean":1},"hist":[[1,1]]}"#;
        let outcome = outcome(text.as_bytes(), 1, false).unwrap();
        assert_eq!(outcome.latency.unwrap().hist, [(1, 1)]);
        assert!(outcome.results[0].get("hist").is_none());
    }
}
