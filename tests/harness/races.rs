//! The same thing done many times at once.

use std::future::Future;

use crate::answers::Answer;

/// Starts `count` requests together and waits for all answers.
pub async fn at_once<A>(count: usize, act: impl Fn(usize) -> A) -> Vec<Answer>
where
    A: Future<Output = Answer> + 'static,
{
    let tasks: Vec<_> = (0..count).map(|number| actix_web::rt::spawn(act(number))).collect();
    let mut answers = Vec::with_capacity(count);
    for task in tasks {
        answers.push(task.await.expect("an answer"));
    }
    answers
}

/// Checks that one of the answers has this status, and all others are refusals of these.
#[track_caller]
pub fn one_winner(answers: &[Answer], won: u16, lost: &[u16]) {
    for answer in answers {
        assert!(answer.status == won || lost.contains(&answer.status), "{} {}", answer.status, answer.body);
    }
    assert_eq!(answers.iter().filter(|answer| answer.status == won).count(), 1);
}
