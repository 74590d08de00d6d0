//! Kernel modules: those that tests load, with those that they need, unpacked and all in one folder.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The modules that are wanted.
const WANTED: [&str; 10] =
    ["virtio_mmio", "virtio_blk", "virtio_net", "virtio_rng", "9p", "9pnet_virtio", "ext4", "vfat", "kvm", "nls_ascii"];

/// Copies what is wanted from the kernel's tree to `to`, and writes down what needs what.
pub fn pick(tree: &Path, to: &Path) -> Result<()> {
    let mut files = BTreeMap::new();
    find(tree, &mut files)?;
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to)?;
    let mut waiting: BTreeSet<String> = WANTED.iter().map(|name| (*name).to_owned()).collect();
    let mut needs = BTreeMap::new();
    while let Some(name) = waiting.pop_first() {
        let packed = files.get(&name).with_context(|| format!("the kernel has no module {name}"))?;
        let bytes = unpack(packed)?;
        let needed = depends(&bytes);
        waiting.extend(needed.iter().filter(|other| !needs.contains_key(*other)).cloned());
        fs::write(to.join(format!("{name}.ko")), bytes)?;
        needs.insert(name, needed);
    }
    fs::write(to.join("modules.dep"), listing(&needs))?;
    Ok(())
}

/// As depmod writes it: each module with all that it needs, the nearest first, so that loading goes from the end.
fn listing(needs: &BTreeMap<String, Vec<String>>) -> String {
    let mut text = String::new();
    for name in needs.keys() {
        let mut order = Vec::new();
        visit(needs, name, &mut order);
        let before = order.iter().rev().skip(1).map(|needed| format!(" {needed}.ko"));
        text += &format!("{name}.ko:{}\n", before.collect::<String>());
    }
    text
}

/// What is needed, before what needs it.
fn visit(needs: &BTreeMap<String, Vec<String>>, name: &str, order: &mut Vec<String>) {
    if order.iter().any(|other| other == name) {
        return;
    }
    for needed in needs.get(name).into_iter().flatten() {
        visit(needs, needed, order);
    }
    order.push(name.to_owned());
}

/// All modules below a folder, by name. Names have no hyphens, files may.
fn find(folder: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("can't read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".ko.xz")) {
            files.insert(name.replace('-', "_"), path);
        }
    }
    Ok(())
}

fn unpack(file: &Path) -> Result<Vec<u8>> {
    let output = Command::new("xz").arg("-dc").arg(file).output().context("can't run xz: is xz-utils installed?")?;
    anyhow::ensure!(output.status.success(), "xz can't unpack {}", file.display());
    Ok(output.stdout)
}

/// What a module says in its `.modinfo` that it needs: strings that end with NUL, of which one is `depends=A,B`.
fn depends(module: &[u8]) -> Vec<String> {
    const KEY: &[u8] = b"\0depends=";
    let Some(at) = module.windows(KEY.len()).position(|window| window == KEY) else { return Vec::new() };
    let value = module[at + KEY.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value).into_owned();
    names.split(',').filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_are_read_from_the_module() {
        assert_eq!(depends(b"x\0license=GPL\0depends=a-b,c\0name=d\0"), ["a_b", "c"]);
        assert!(depends(b"\0depends=\0").is_empty());
        assert!(depends(b"nothing").is_empty());
    }

    #[test]
    fn the_nearest_need_comes_first() {
        let of = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let needs =
            BTreeMap::from([("a".to_owned(), of(&["b"])), ("b".to_owned(), of(&["c"])), ("c".to_owned(), of(&[]))]);
        assert_eq!(listing(&needs), "a.ko: b.ko c.ko\nb.ko: c.ko\nc.ko:\n");
    }
}
