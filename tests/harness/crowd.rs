//! Many acting at once, a bounded number of them at a time.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

/// Runs `act` over the items, `width` at a time; the results keep the order of the items.
pub async fn crowd<I, T, A, F>(width: usize, items: impl IntoIterator<Item = I>, act: A) -> Vec<T>
where
    I: 'static,
    T: 'static,
    A: Fn(I) -> F + 'static,
    F: Future<Output = T> + 'static,
{
    let waiting: VecDeque<(usize, I)> = items.into_iter().enumerate().collect();
    let (waiting, act) = (Rc::new(RefCell::new(waiting)), Rc::new(act));
    let tasks = (0..width).map(|_| {
        let (waiting, act) = (Rc::clone(&waiting), Rc::clone(&act));
        actix_web::rt::spawn(async move {
            let mut done = Vec::new();
            loop {
                let next = waiting.borrow_mut().pop_front();
                let Some((place, item)) = next else { return done };
                done.push((place, act(item).await));
            }
        })
    });
    let tasks: Vec<_> = tasks.collect();
    let mut results = Vec::new();
    for task in tasks {
        results.extend(task.await.expect("one of the crowd panicked"));
    }
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}

/// A number below `bound` that differs from run to run.
pub fn chance(bound: u64) -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) % bound
}
