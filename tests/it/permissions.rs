//! MEM-2: the whole role × action matrix, reviewed as a snapshot.

#[test]
fn the_matrix_of_roles_and_actions_is_the_reviewed_one() {
    insta::assert_snapshot!(manager_domain::permissions::matrix());
}
