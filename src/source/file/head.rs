//! A file's first bytes, by which it is known again under another name, and by which another file
//! in its place is told from it.

use std::fs::File;
use std::os::unix::fs::FileExt;

/// How many bytes make a head: more than one line of most logs, and lines bear their time.
pub(super) const LENGTH: usize = 256;

/// The first bytes of a file, as far as they have been read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Head(Vec<u8>); // Invariant: at most LENGTH bytes.

impl Head {
    /// Reads the head of `file`, of which bytes up to `offset` have been read.
    ///
    /// # Errors
    ///
    /// Fails as `pread(2)` does.
    pub(super) fn of(file: &File, offset: u64) -> std::io::Result<Self> {
        let length = usize::try_from(offset).map_or(LENGTH, |offset| offset.min(LENGTH));
        let mut bytes = [0; LENGTH];
        let read = read_at(file, &mut bytes[..length], 0)?;
        Ok(Self(bytes[..read].to_vec()))
    }

    /// Takes in `chunk`, which was read at `offset`.
    pub(super) fn extend(&mut self, offset: u64, chunk: &[u8]) {
        if self.0.len() as u64 == offset {
            let wanted = (LENGTH - self.0.len()).min(chunk.len());
            self.0.extend_from_slice(&chunk[..wanted]);
        }
    }

    /// Whether `file` still begins with it.
    ///
    /// # Errors
    ///
    /// Fails as `pread(2)` does.
    pub(super) fn begins(&self, file: &File) -> std::io::Result<bool> {
        let mut bytes = [0; LENGTH];
        let bytes = &mut bytes[..self.0.len()];
        Ok(read_at(file, bytes, 0)? == self.0.len() && *bytes == self.0[..])
    }

    /// Whether one begins with the other, and neither is empty.
    pub(super) fn agrees(&self, other: &Self) -> bool {
        let common = self.0.len().min(other.0.len());
        common > 0 && self.0[..common] == other.0[..common]
    }

    /// How many bytes it has.
    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.0.len()).expect("a head has at most 256 bytes")
    }

    /// The bytes in one number: FNV-1a, 64 bits, since what is stored must mean the same to the
    /// next version.
    pub(super) fn fingerprint(&self) -> u64 {
        const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
        const PRIME: u64 = 0x0100_0000_01b3;
        self.0.iter().fold(OFFSET_BASIS, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME))
    }
}

/// Reads until `buffer` is full or the file ends.
///
/// # Errors
///
/// Fails as `pread(2)` does.
pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(count) => read += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fingerprints_are_fnv_1a() {
        let of = |bytes: &[u8]| Head(bytes.to_vec()).fingerprint();
        // Test vectors of the FNV specification (draft-eastlake-fnv).
        assert_eq!(of(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(of(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(of(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn grows_with_what_is_read_in_order() {
        let mut head = Head::default();
        head.extend(0, b"ab");
        head.extend(5, b"zz");
        head.extend(2, &[b'c'; 400]);
        head.extend(402, b"d");
        assert_eq!(head.0, [b"ab".as_slice(), &[b'c'; 254]].concat());
    }
}
