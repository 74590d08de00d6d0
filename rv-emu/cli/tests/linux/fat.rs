//! A disk that a boot loader reads files from: FAT16 on the whole of it, with files in its first folder and no more.

const SECTOR: usize = 512;
const SECTORS_PER_CLUSTER: usize = 16;
const CLUSTER: usize = SECTOR * SECTORS_PER_CLUSTER;
const ROOT_ENTRIES: usize = 512;
/// Fewer clusters would make it FAT12.
const CLUSTERS_MIN: usize = 4200;
const END: u16 = 0xffff;

/// The disk's bytes. Names are of the old kind: up to 8 characters, and up to 3 behind a dot.
pub fn disk(files: &[(&str, &[u8])]) -> Vec<u8> {
    let needed: usize = files.iter().map(|(_, bytes)| bytes.len().div_ceil(CLUSTER)).sum();
    let clusters = needed.max(CLUSTERS_MIN);
    let fat_sectors = ((clusters + 2) * 2).div_ceil(SECTOR);
    let data_at = (1 + fat_sectors) * SECTOR + ROOT_ENTRIES * 32;
    let mut disk = vec![0; data_at + clusters * CLUSTER];
    boot_sector(&mut disk, fat_sectors);
    let mut fat = vec![0xfff8, END];
    for (index, (name, bytes)) in files.iter().enumerate() {
        let first = fat.len();
        let count = bytes.len().div_ceil(CLUSTER);
        fat.extend((1..count).map(|next| (first + next) as u16).chain([END]));
        let at = (1 + fat_sectors) * SECTOR + index * 32;
        disk[at..at + 11].copy_from_slice(&old_name(name));
        disk[at + 11] = 0x20;
        disk[at + 26..at + 28].copy_from_slice(&(first as u16).to_le_bytes());
        disk[at + 28..at + 32].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
        let at = data_at + (first - 2) * CLUSTER;
        disk[at..at + bytes.len()].copy_from_slice(bytes);
    }
    let table: Vec<u8> = fat.iter().flat_map(|entry| entry.to_le_bytes()).collect();
    disk[SECTOR..SECTOR + table.len()].copy_from_slice(&table);
    disk
}

fn boot_sector(disk: &mut [u8], fat_sectors: usize) {
    let sectors = (disk.len() / SECTOR) as u32;
    disk[..11].copy_from_slice(b"\xeb\x3c\x90RV-EMU  ");
    disk[11..13].copy_from_slice(&(SECTOR as u16).to_le_bytes());
    disk[13] = SECTORS_PER_CLUSTER as u8;
    disk[14] = 1; // sectors before the table
    disk[16] = 1; // tables
    disk[17..19].copy_from_slice(&(ROOT_ENTRIES as u16).to_le_bytes());
    disk[21] = 0xf8; // a disk that isn't taken out
    disk[22..24].copy_from_slice(&(fat_sectors as u16).to_le_bytes());
    disk[32..36].copy_from_slice(&sectors.to_le_bytes());
    disk[38] = 0x29;
    disk[54..62].copy_from_slice(b"FAT16   ");
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
}

fn old_name(name: &str) -> [u8; 11] {
    let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
    let mut old = [b' '; 11];
    old[..stem.len()].copy_from_slice(stem.as_bytes());
    old[8..8 + extension.len()].copy_from_slice(extension.as_bytes());
    old
}
