//! The first file system of the guest, in the format that kernels unpack (`cpio`, "newc").
//!
//! Archives may follow one another in one file, so that what changes with each boot is a small second one.

/// Permissions and kind of an entry, as `stat` has them.
const DIR_MODE: u32 = 0o040_755;
const PROGRAM_MODE: u32 = 0o100_755;
/// Everything in the format starts at a multiple of it.
const ALIGN: usize = 4;

/// An archive in the making.
#[derive(Debug, Default)]
pub struct Archive {
    bytes: Vec<u8>,
    entries: u32,
}

impl Archive {
    /// Adds an empty directory. Parents come before what is in them.
    pub fn dir(&mut self, name: &str) {
        self.entry(name, DIR_MODE, &[]);
    }

    /// Adds a file, which may be run.
    pub fn file(&mut self, name: &str, content: &[u8]) {
        self.entry(name, PROGRAM_MODE, content);
    }

    /// The archive, with its trailer, padded so that another may follow.
    pub fn finish(mut self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]);
        self.bytes
    }

    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let (links, owner, time, device) = (1, 0, 0, 0);
        let (len, name_len) = (field(content.len()), field(name.len() + 1));
        let fields = [self.entries, mode, owner, owner, links, time, len, device, device, device, device, name_len, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGN), 0);
    }
}

/// Fields have 32 bits; nothing here comes near 4 GiB.
fn field(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_as_the_format_says() {
        let mut archive = Archive::default();
        archive.dir("bin");
        archive.file("bin/x", b"hello");
        let bytes = archive.finish();
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.starts_with("07070100000001000041ed0000000000000000000000010000000000000000"), "{text}");
        let file = text.find("bin/x").unwrap();
        let header = &text[file - 110..file];
        assert_eq!((&header[..6], &header[14..22], &header[54..62]), ("070701", "000081ed", "00000005"));
        // 110 of header, 6 of name, 4 bytes in step already; then the content and its padding.
        assert_eq!(&bytes[file + 6..file + 14], b"hello\0\0\0");
        assert!(text.contains("TRAILER!!!\0") && bytes.len().is_multiple_of(ALIGN));
    }
}
