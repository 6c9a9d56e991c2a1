//! All of the fork-join workloads but the forks and joins.

use crate::{expect_equal, Run};

/// The `n`th number of a row, each of which is the sum of the two before, and `more`.
pub fn in_row(n: usize, mut first: usize, mut second: usize, more: usize) -> usize {
    for _ in 0..n {
        (first, second) = (second, first + second + more);
    }
    first
}

pub const MOST_ROWS: usize = 16;

/// The column of the queen in each row that has one.
pub type Board = [i8; MOST_ROWS];

pub fn is_safe(board: &Board, row: usize, column: usize) -> bool {
    (0..row).all(|above| {
        let (there, here, distance) = (board[above] as i32, column as i32, (row - above) as i32);
        there != here && there != here - distance && there != here + distance
    })
}

pub const CHILDREN: usize = 10;

/// A square part of a matrix, whose rows are `stride` apart; tasks write to different ones at once.
#[derive(Clone, Copy)]
pub struct Part {
    first: *mut i32,
    stride: usize,
}
unsafe impl Send for Part {}
unsafe impl Sync for Part {}

impl Part {
    pub fn at(self, row: usize, column: usize) -> Part {
        let first = unsafe { self.first.add(row * self.stride + column) };
        Part { first, stride: self.stride }
    }

    fn row(self, row: usize, size: usize) -> &'static mut [i32] {
        unsafe { std::slice::from_raw_parts_mut(self.first.add(row * self.stride), size) }
    }
}

pub fn multiply_block(a: Part, b: Part, c: Part, size: usize) {
    for i in 0..size {
        let into = c.row(i, size);
        for k in 0..size {
            let factor = a.row(i, size)[k];
            for (sum, from) in into.iter_mut().zip(b.row(k, size).iter()) {
                *sum += factor * *from;
            }
        }
    }
}

/// The matrices a and b, and a place for their product.
pub struct Matrices {
    size: usize,
    a: Vec<i32>,
    b: Vec<i32>,
    c: Vec<i32>,
}

impl Matrices {
    pub fn new(run: &Run) -> Matrices {
        let size = run.size("size");
        let cells = || 0..size * size;
        Matrices {
            size,
            a: cells().map(|i| (i / size) as i32).collect(),
            b: cells().map(|i| (i % size) as i32).collect(),
            c: vec![0; size * size],
        }
    }

    pub fn parts(&mut self) -> (Part, Part, Part) {
        let part = |cells: &mut Vec<i32>| Part { first: cells.as_mut_ptr(), stride: self.size };
        (part(&mut self.a), part(&mut self.b), part(&mut self.c))
    }

    /// Checks the product, and makes the place for it empty again.
    pub fn check(&mut self) {
        for i in 0..self.size {
            for j in 0..self.size {
                let cell = &mut self.c[i * self.size + j];
                expect_equal(*cell as usize, self.size * i * j, "a product");
                *cell = 0;
            }
        }
    }
}
