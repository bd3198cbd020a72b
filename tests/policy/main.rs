//! What policies mean: the decisions of the program against labelled pairs and against its own evaluator.

mod declarative_test;
mod enumerated_test;
mod found_test;
mod hostile_test;
mod oracle_test;
mod pairs_test;
mod solver_test;
