//! stub
pub fn page(_: &super::store::RunInfo, _: &[super::Row]) -> anyhow::Result<String> { Ok(String::new()) }
