//! Differentiated-products demand: BLP estimation, Bertrand-Nash prices, welfare.
