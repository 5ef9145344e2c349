//! Windows over files: bytes that are read together, and may be lent to somebody else while the next are read.

use std::sync::Arc;

/// Bytes of a file.
pub(crate) type Window = Arc<Vec<u8>>;

/// The window that is read into, and those that were lent. Each is used again once nobody has it any more, so that there are as
/// many as are lent at a time, and one.
#[derive(Debug, Default)]
pub(crate) struct Windows {
    current: Window,
    lent: Vec<Window>,
}

impl Windows {
    /// What the current window holds.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.current
    }

    /// The current window, for somebody who only reads it.
    pub(crate) fn lend(&self) -> Window {
        Arc::clone(&self.current)
    }

    /// A window to write to: the current one, or another one with anything in it where that is lent.
    pub(crate) fn writable(&mut self) -> &mut Vec<u8> {
        if Arc::get_mut(&mut self.current).is_none() {
            let back = self.lent.iter_mut().position(|window| Arc::get_mut(window).is_some());
            let next = back.map_or_else(Window::default, |back| self.lent.swap_remove(back));
            self.lent.push(std::mem::replace(&mut self.current, next));
        }
        // Nobody else has it, so that nothing is copied.
        Arc::make_mut(&mut self.current)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_is_not_written_and_what_comes_back_is_used_again() {
        let mut windows = Windows::default();
        windows.writable().extend([1; 100]);
        let lent = windows.lend();
        windows.writable().extend([2; 100]);
        assert_eq!((&lent[..], windows.bytes()), (&[1; 100][..], &[2; 100][..]));
        let others = [windows.lend(), lent];
        for round in 3..9 {
            windows.writable().fill(round);
            drop(windows.lend());
        }
        assert_eq!((others[0][0], others[1][0], windows.lent.len()), (2, 1, 2));
        drop(others);
        let held = windows.lend();
        windows.writable();
        assert_eq!((windows.lent.len(), held.len()), (2, 0));
    }
}
