//! The contract of the port: for the same file closed and opened again, and for a second opening beside the first.

use std::{
    future,
    sync::{Arc, Mutex},
};

use syncline_core::port::QueueStorage;
use syncline_testkit::contract::queue::Subject;

use crate::support::Place;

mod opened_again {
    use super::*;

    syncline_testkit::queue_contract!(async || {
        let place = Place::new();
        let storage = Arc::new(place.open());
        let before = Mutex::new(Arc::clone(&storage));
        Subject::new(storage, move || {
            let mut before = before.lock().unwrap();
            before.close().unwrap();
            *before = Arc::new(place.open());
            future::ready(Arc::clone(&*before) as Arc<dyn QueueStorage>)
        })
    });
}

mod opened_beside {
    use super::*;

    syncline_testkit::queue_contract!(async || {
        let place = Place::new();
        Subject::new(Arc::new(place.open()), move || future::ready(Arc::new(place.open()) as Arc<dyn QueueStorage>))
    });
}
