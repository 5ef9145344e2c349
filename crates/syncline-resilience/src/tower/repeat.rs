//! How a request is made twice.

/// Makes a request once more, before it is sent.
///
/// Functions from `&Request` to `Option<Request>` are one; so is [`ByClone`].
pub trait Repeat<Request> {
    /// The same request, or `None` for one that can only be sent once and is therefore not retried.
    fn repeat(&self, request: &Request) -> Option<Request>;
}

/// Clones the request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ByClone;

impl<Request: Clone> Repeat<Request> for ByClone {
    fn repeat(&self, request: &Request) -> Option<Request> {
        Some(request.clone())
    }
}

impl<Request, F: Fn(&Request) -> Option<Request>> Repeat<Request> for F {
    fn repeat(&self, request: &Request) -> Option<Request> {
        self(request)
    }
}
