//! What policies mean: the decisions of the program against labelled pairs and against its own evaluator.

mod pairs_test;
