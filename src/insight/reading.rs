//! A first honest reading of a message in French and English: does it want to buy, does it want an answer, did
//! a machine write it?
