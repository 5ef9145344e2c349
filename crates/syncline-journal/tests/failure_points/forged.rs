//! Frames with a right checksum and wrong contents, made by the letter of `docs/formats/journal-v1.md`.

use syncline_core::{ErrorKind, rt};
use syncline_testkit::SimDisk;

use crate::story::{config, open, segments, standing, start, up_to, used, write_synced};

const DATA: u16 = 1;
const COMPRESSED: u16 = 1 << 8;
const MEMORY_MAX: u64 = 48 * 1_024 * 1_024;

#[derive(Clone, Copy)]
struct Forged<'a> {
    body_len: u32,
    plain_len: u32,
    flags: u16,
    body: &'a [u8],
}

/// A journal of five records and, behind them, a frame that says it is the sixth.
fn forged(frame: Forged<'_>) -> SimDisk {
    let (disk, mut log, stream) = start(config());
    write_synced(&mut log, stream, 5);
    drop(log);
    let disk = disk.synced_image();
    let name = segments(&disk).remove(0);
    let (mut bytes, at) = (disk.contents(&name).unwrap(), used(&disk, &name));
    let mut head = b"SLF1".to_vec();
    head.extend_from_slice(&frame.body_len.to_le_bytes());
    head.extend_from_slice(&6_u64.to_le_bytes());
    head.extend_from_slice(&1_u64.to_le_bytes());
    head.extend_from_slice(&1_u32.to_le_bytes());
    head.extend_from_slice(&frame.flags.to_le_bytes());
    let mut seed = crc32c::crc32c(&bytes[16..32]);
    seed = crc32c::crc32c_append(seed, &bytes[32..40]);
    seed = crc32c::crc32c_append(seed, &bytes[48..56]);
    seed = crc32c::crc32c_append(seed, &(at as u64).to_le_bytes());
    let short = crc32c::crc32c_append(crc32c::crc32c_append(seed, &head), &frame.plain_len.to_le_bytes());
    head.extend_from_slice(&short.to_le_bytes()[..2]);
    head.extend_from_slice(&frame.plain_len.to_le_bytes());
    let crc = crc32c::crc32c_append(crc32c::crc32c_append(seed, &head), frame.body);
    head.extend_from_slice(&crc.to_le_bytes());
    head.extend_from_slice(frame.body);
    bytes[at..at + head.len()].copy_from_slice(&head);
    disk.put(&name, &bytes);
    disk
}

/// The frame is not taken, and opening takes little memory.
#[track_caller]
fn check_not_taken(frame: Forged<'_>) {
    let disk = forged(frame);
    let before = rt::os::resident_bytes_peak().unwrap();
    match open(&disk, config()) {
        Ok((mut log, report)) => {
            assert_eq!(standing(&mut log), up_to(5));
            assert!(report.torn.is_some_and(|torn| torn.bytes > 0), "{report:?}");
        }
        Err(error) => assert_eq!(error.kind(), ErrorKind::Corrupt),
    }
    let grown = rt::os::resident_bytes_peak().unwrap() - before;
    assert!(grown < MEMORY_MAX, "opening took {grown} bytes");
}

/// The forger knows his trade: a right frame is taken.
#[test]
fn a_frame_made_by_the_document_is_read() {
    let record = crate::story::payload(6);
    let mut body = vec![1, record.len() as u8];
    body.extend_from_slice(&record);
    let len = body.len() as u32;
    let disk = forged(Forged { body_len: len, plain_len: len, flags: DATA, body: &body });
    let (mut log, report) = open(&disk, config()).unwrap();
    assert_eq!((standing(&mut log), report.torn), (up_to(6), None));
}

#[test]
fn a_huge_length_is_not_believed() {
    for body_len in [u32::MAX, 1 << 31, 100_000] {
        check_not_taken(Forged { body_len, plain_len: 10, flags: DATA, body: b"" });
    }
    check_not_taken(Forged { body_len: 4, plain_len: u32::MAX, flags: DATA, body: b"abcd" });
}

#[test]
fn a_compression_bomb_inflates_to_no_more_than_it_says() {
    let bomb = zstd::bulk::compress(&vec![0; 200 * 1_024 * 1_024], 1).unwrap();
    let bomb = &bomb[..bomb.len().min(7_000)];
    for plain_len in [100, u32::MAX, 200 * 1_024 * 1_024] {
        let body_len = bomb.len() as u32;
        check_not_taken(Forged { body_len, plain_len, flags: DATA | COMPRESSED, body: bomb });
    }
}

#[test]
fn records_that_do_not_add_up_are_not_taken() {
    // A record longer than the frame; a length in six bytes; nothing at all.
    for body in [&[1, 200, 1, 7][..], &[1, 0x80, 0x80, 0x80, 0x80, 0x80, 1], &[]] {
        let len = body.len() as u32;
        check_not_taken(Forged { body_len: len, plain_len: len, flags: DATA, body });
    }
    check_not_taken(Forged { body_len: 3, plain_len: 3, flags: 9, body: &[1, 1, 7] });
}
