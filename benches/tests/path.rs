//! Paths.
use std::sync::Arc;

use benches::lab::path::{self, mermaid, svg, text};
use rv_machine::CostModel;

#[test]
fn look() {
    let model = Arc::new(CostModel::built_in("default").unwrap());
    let dir = std::path::Path::new("/tmp/t-paths/out");
    std::fs::create_dir_all(dir).unwrap();
    for subject in path::ALL {
        let begin = std::time::Instant::now();
        match path::trace(subject, &model) {
            Ok(path) => {
                println!("{}", text::text(&path));
                println!("{}", mermaid::mermaid(&path));
                std::fs::write(dir.join(format!("{}.svg", path.name)), svg::svg(&path).unwrap()).unwrap();
            }
            Err(error) => println!("{}: {error}", subject.name()),
        }
        println!("{:?}\n", begin.elapsed());
    }
}
