//! The contract of the port: for a queue that is closed and opened again, and for a second opening beside the first.

use std::sync::{Arc, Mutex};

use syncline_core::port::QueueStorage;
use syncline_testkit::contract::queue::Subject;

use crate::support::Place;

mod opened_again {
    use super::*;

    syncline_testkit::queue_contract!(async || {
        let place = Place::shared();
        let storage = Arc::new(place.open().await);
        let (place, before) = (Arc::new(place), Arc::new(Mutex::new(Arc::clone(&storage))));
        Subject::new(storage, move || {
            let (place, before) = (Arc::clone(&place), Arc::clone(&before));
            async move {
                let again = Arc::new(place.open().await);
                let before = std::mem::replace(&mut *before.lock().unwrap(), Arc::clone(&again));
                before.close().await;
                again as Arc<dyn QueueStorage>
            }
        })
    });
}

mod opened_beside {
    use super::*;

    syncline_testkit::queue_contract!(async || {
        let place = Arc::new(Place::shared());
        Subject::new(Arc::new(place.open().await), move || {
            let place = Arc::clone(&place);
            async move { Arc::new(place.open().await) as Arc<dyn QueueStorage> }
        })
    });
}
