//! Vectors of agents and the instruction level they run at.
//!
//! Agents of a market stand in tiles of [`LANES`]; every kernel runs over whole tiles, so the compiler turns its inner
//! loops into vector instructions of whatever level it is compiled for. [`Level::run`] compiles a kernel once a level and
//! picks at run time. Sums over agents are taken lane by lane and then in one fixed order: the same bits at one level,
//! whatever the number of threads.

use std::cell::RefCell;

use pulp::{NullaryFnOnce, Simd, WithSimd};

/// Agents in a tile: two registers of eight numbers, so that sums have independent chains.
pub(crate) const LANES: usize = 16;

/// One number for each agent of a tile.
pub(crate) type Lane = [f64; LANES];

/// A tile of zeros.
pub(crate) const ZERO: Lane = [0.0; LANES];

/// Tiles whose memory goes back to its thread for the next market: markets of one size then ask the system for memory once,
/// not at every evaluation, where clearing new pages would take as long as the arithmetic. They begin on a cache line, so that no
/// vector lies across two of them.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    memory: Vec<f64>,
    /// Where the first tile begins, and how many numbers there are.
    start: usize,
    length: usize,
}

/// Blocks that a thread keeps.
const KEPT: usize = 32;

/// Bytes of a cache line.
const LINE: usize = 64;

thread_local! {
    static FREE: RefCell<Vec<Vec<f64>>> = const { RefCell::new(Vec::new()) };
}

impl Lanes {
    /// Tiles of zeros.
    pub fn zeros(tiles: usize) -> Self {
        let mut lanes = Self::unwritten(tiles);
        lanes.fill(ZERO);
        lanes
    }

    /// Tiles with whatever numbers were in the memory, for those who write them all; of the blocks kept the smallest that will do.
    pub fn unwritten(tiles: usize) -> Self {
        let length = tiles * LANES;
        let size = length + LINE / size_of::<f64>();
        let mut memory = FREE.with(|free| {
            let mut free = free.borrow_mut();
            let length = |i: &usize| free[*i].len();
            let fits = (0..free.len()).filter(|i| length(i) >= size);
            match fits
                .min_by_key(length)
                .or_else(|| (0..free.len()).max_by_key(length))
            {
                Some(i) => free.swap_remove(i),
                None => Vec::new(),
            }
        });
        // Never shortened: to lengthen it again would be to write it all.
        if memory.len() < size {
            memory.resize(size, 0.0);
        }
        let start = memory.as_ptr().align_offset(LINE);
        Self {
            // Where alignment cannot be told, the beginning will do: it is a matter of speed alone.
            start: if start <= size - length { start } else { 0 },
            memory,
            length,
        }
    }

    /// Other tiles of the same count, each a function of its place.
    pub fn from_fn(tiles: usize, mut f: impl FnMut(usize) -> Lane) -> Self {
        let mut lanes = Self::unwritten(tiles);
        lanes
            .iter_mut()
            .enumerate()
            .for_each(|(i, lane)| *lane = f(i));
        lanes
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        let memory = std::mem::take(&mut self.memory);
        // A thread that is ending has no list any more.
        let _ = FREE.try_with(|free| {
            if let Ok(mut free) = free.try_borrow_mut()
                && free.len() < KEPT
            {
                free.push(memory);
            }
        });
    }
}

impl std::ops::Deref for Lanes {
    type Target = [Lane];
    fn deref(&self) -> &[Lane] {
        self.memory[self.start..][..self.length].as_chunks().0
    }
}

impl std::ops::DerefMut for Lanes {
    fn deref_mut(&mut self) -> &mut [Lane] {
        self.memory[self.start..][..self.length].as_chunks_mut().0
    }
}

/// Half a tile: sums over agents are kept in one register each.
pub(crate) type Half = [f64; LANES / 2];

/// A half tile of zeros.
pub(crate) const HALF: Half = [0.0; LANES / 2];

/// Keeps a loop over products as it is: left alone, the compiler turns it into vectors across products, whose numbers it then has to
/// gather from memory one by one, at five times the cost.
#[inline(always)]
pub(crate) fn keep_loop() {
    std::hint::black_box(());
}

/// `acc += a * b`, both halves of the tile into one.
#[inline(always)]
pub(crate) fn fold_product<const FMA: bool>(acc: &mut Half, a: &Lane, b: &Lane) {
    keep_loop();
    for l in 0..LANES / 2 {
        acc[l] = fma::<FMA>(a[l], b[l], acc[l]);
    }
    for l in 0..LANES / 2 {
        acc[l] = fma::<FMA>(a[l + LANES / 2], b[l + LANES / 2], acc[l]);
    }
}

/// `acc += a`, both halves of the tile into one.
#[inline(always)]
pub(crate) fn fold(acc: &mut Half, a: &Lane) {
    for l in 0..LANES / 2 {
        acc[l] += a[l] + a[l + LANES / 2];
    }
}

/// Sum of half a tile, in one fixed tree.
#[inline(always)]
pub(crate) fn sum_half(h: &Half) -> f64 {
    ((h[0] + h[4]) + (h[1] + h[5])) + ((h[2] + h[6]) + (h[3] + h[7]))
}

/// Instruction level of the kernels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// No assumption on the processor, no fused multiply-add.
    Portable,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 512-bit vectors.
    Avx512,
}

impl Level {
    /// The highest level of this processor.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            if pulp::x86::V4::try_new().is_some() {
                return Self::Avx512;
            }
            if pulp::x86::V3::try_new().is_some() {
                return Self::Avx2;
            }
        }
        Self::Portable
    }

    /// Name as it goes into a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Portable => "portable",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
        }
    }

    /// Replaces numbers by their exponentials, as the kernels take them: the measure of what a share evaluation can cost at least.
    pub fn exp(self, values: &mut [f64]) {
        let (tiles, rest) = values.as_chunks_mut::<LANES>();
        self.run(ExpOf(tiles));
        rest.iter_mut().for_each(|x| *x = x.exp());
    }

    /// Runs a kernel at this level, or at the next lower one that the processor has.
    pub(crate) fn run<K: Kernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        {
            if self == Self::Avx512
                && let Some(simd) = pulp::x86::V4::try_new()
            {
                return simd.vectorize(Fused(kernel));
            }
            if self != Self::Portable
                && let Some(simd) = pulp::x86::V3::try_new()
            {
                return simd.vectorize(Fused(kernel));
            }
        }
        kernel.run::<false>()
    }

    /// Runs a kernel written in vectors at this level, or at the next lower one that the processor has.
    pub(crate) fn run_vectors<K: VectorKernel>(self, kernel: K) -> K::Output {
        #[cfg(target_arch = "x86_64")]
        {
            if self == Self::Avx512
                && let Some(simd) = pulp::x86::V4::try_new()
            {
                return Simd::vectorize(simd, Explicit::<K, true>(kernel));
            }
            if self != Self::Portable
                && let Some(simd) = pulp::x86::V3::try_new()
            {
                return Simd::vectorize(simd, Explicit::<K, true>(kernel));
            }
        }
        Simd::vectorize(pulp::Scalar512b, Explicit::<K, false>(kernel))
    }
}

/// A computation compiled once for each level.
///
/// `FMA` says whether the processor multiplies and adds in one instruction: without it `mul_add` would call a library.
pub(crate) trait Kernel {
    type Output;
    fn run<const FMA: bool>(self) -> Self::Output;
}

/// A computation in explicit vectors, where what the compiler makes of loops over a tile spills too many registers.
pub(crate) trait VectorKernel {
    type Output;
    fn run<S: Simd, const FMA: bool>(self, simd: S) -> Self::Output;
}

struct Explicit<K, const FMA: bool>(K);

impl<K: VectorKernel, const FMA: bool> WithSimd for Explicit<K, FMA> {
    type Output = K::Output;
    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> K::Output {
        self.0.run::<S, FMA>(simd)
    }
}

/// `a b + c`.
#[inline(always)]
pub(crate) fn fused<S: Simd, const FMA: bool>(
    simd: S,
    a: S::f64s,
    b: S::f64s,
    c: S::f64s,
) -> S::f64s {
    if FMA {
        simd.mul_add_e_f64s(a, b, c)
    } else {
        simd.add_f64s(simd.mul_f64s(a, b), c)
    }
}

/// Vectors in a tile.
pub(crate) const fn vectors<S: Simd>() -> usize {
    LANES / S::F64_LANES
}

/// Most vectors in a tile of any level that runs kernels in vectors.
pub(crate) const MOST_VECTORS: usize = LANES / 4;

struct Fused<K>(K);

impl<K: Kernel> NullaryFnOnce for Fused<K> {
    type Output = K::Output;
    #[inline(always)]
    fn call(self) -> K::Output {
        self.0.run::<true>()
    }
}

/// `a b + c`.
#[inline(always)]
pub(crate) fn fma<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `acc += a * b`, lane by lane.
#[inline(always)]
pub(crate) fn add_product<const FMA: bool>(acc: &mut Lane, a: &Lane, b: &Lane) {
    keep_loop();
    for l in 0..LANES {
        acc[l] = fma::<FMA>(a[l], b[l], acc[l]);
    }
}

/// `acc += a * b`, with one `b` for the tile.
#[inline(always)]
pub(crate) fn add_scaled<const FMA: bool>(acc: &mut Lane, a: &Lane, b: f64) {
    keep_loop();
    for l in 0..LANES {
        acc[l] = fma::<FMA>(a[l], b, acc[l]);
    }
}

/// `out_i = sum_j a_j x_ji` for rows of `x`, each of `out.len()` numbers: blocks of four sums that stay in registers.
#[inline(always)]
pub(crate) fn combine<'a, const FMA: bool>(
    rows: &(impl Iterator<Item = (&'a Lane, &'a [f64])> + Clone),
    out: &mut [Lane],
) {
    const WIDTH: usize = 4;
    let (blocks, rest) = out.as_chunks_mut::<WIDTH>();
    let done = blocks.len() * WIDTH;
    for (b, block) in blocks.iter_mut().enumerate() {
        let mut sums = [ZERO; WIDTH];
        for (a, x) in rows.clone() {
            keep_loop();
            let x = &x[b * WIDTH..(b + 1) * WIDTH];
            for (sum, x) in sums.iter_mut().zip(x) {
                for l in 0..LANES {
                    sum[l] = fma::<FMA>(a[l], *x, sum[l]);
                }
            }
        }
        *block = sums;
    }
    for (i, out) in rest.iter_mut().enumerate() {
        let mut sum = ZERO;
        for (a, x) in rows.clone() {
            add_scaled::<FMA>(&mut sum, a, x[done + i]);
        }
        *out = sum;
    }
}

/// `sum_l a_l b_l` of one tile.
#[inline(always)]
pub(crate) fn dot_tile<const FMA: bool>(a: &Lane, b: &Lane) -> f64 {
    let mut products = HALF;
    fold_product::<FMA>(&mut products, a, b);
    sum_half(&products)
}

/// Sum of a tile, in one fixed tree.
#[inline(always)]
pub(crate) fn sum(a: &Lane) -> f64 {
    let mut half = HALF;
    for l in 0..LANES / 2 {
        half[l] = a[l] + a[l + LANES / 2];
    }
    sum_half(&half)
}

/// Adding and subtracting `1.5 * 2^52` rounds to an integer, which then stands in the low bits.
const SHIFT: f64 = 6755399441055744.0;
/// `ln 2` in two parts, the first with zeros at its end.
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// From the eleventh power down to the square: `1 + r + ...` with these is `exp(r)` to a relative 7.7e-18 wherever `|r| <= ln 2 / 2`.
/// The exchange of Remez found them, in sixty digits.
const MINIMAX: [f64; 10] = [
    2.5110049895858716e-08,
    2.763265575933203e-07,
    2.7557242336680357e-06,
    2.4801487326012337e-05,
    0.00019841269886591,
    0.0013888888947820891,
    0.008333333333322207,
    0.04166666666652199,
    0.16666666666666674,
    0.500000000000001,
];

/// Largest magnitude of which [`exp_vector`] takes the exponential.
pub(crate) const MODERATE: f64 = 700.0;

/// Exponential of numbers no larger than [`MODERATE`] either way, to about one unit in the last place.
///
/// As [`exp`], without its bounds.
#[inline(always)]
pub(crate) fn exp_vector<S: Simd, const FMA: bool>(simd: S, x: S::f64s) -> S::f64s {
    let number = |c: f64| simd.splat_f64s(c);
    let shifted = fused::<S, FMA>(simd, x, number(std::f64::consts::LOG2_E), number(SHIFT));
    let n = simd.sub_f64s(shifted, number(SHIFT));
    let r = fused::<S, FMA>(simd, n, number(-LN2_HIGH), x);
    let r = fused::<S, FMA>(simd, n, number(-LN2_LOW), r);
    let mut p = number(MINIMAX[0]);
    for c in &MINIMAX[1..] {
        p = fused::<S, FMA>(simd, p, r, number(*c));
    }
    p = fused::<S, FMA>(simd, p, r, number(1.0));
    p = fused::<S, FMA>(simd, p, r, number(1.0));
    // With 1.5 * 2^20 added, `n + 1023` stands in the low bits of the high word; twenty places up it is the exponent of `2^n`.
    let high: S::u32s = pulp::cast(simd.add_f64s(n, number(1_572_864.0 + 1023.0)));
    let scale = simd.wrapping_dyn_shl_u32s(high, simd.splat_u32s(20));
    simd.mul_f64s(p, pulp::cast(scale))
}

/// Exponential, lane by lane, to about one unit in the last place; 0 below -708 and `exp(709)` above 709.
///
/// `x = n ln 2 + r`, `|r| <= ln 2 / 2`, and a polynomial in `r`.
#[inline(always)]
pub(crate) fn exp<const FMA: bool>(x: &Lane) -> Lane {
    keep_loop();
    let mut y = ZERO;
    for l in 0..LANES {
        let bounded = if x[l] > 709.0 { 709.0 } else { x[l] };
        let bounded = if bounded < -708.0 { -708.0 } else { bounded };
        let shifted = fma::<FMA>(bounded, std::f64::consts::LOG2_E, SHIFT);
        let n = shifted - SHIFT;
        let r = fma::<FMA>(n, -LN2_LOW, fma::<FMA>(n, -LN2_HIGH, bounded));
        let mut p = MINIMAX[0];
        for c in &MINIMAX[1..] {
            p = fma::<FMA>(p, r, *c);
        }
        p = fma::<FMA>(p * r, r, r) + 1.0;
        let scale = f64::from_bits((shifted.to_bits().wrapping_add(1023)) << 52);
        // A bound of -708 keeps the scale normal; what lies below is nothing.
        y[l] = if x[l] < -708.0 { 0.0 } else { p * scale };
    }
    y
}

/// Natural logarithm of positive normal numbers, lane by lane, to about one unit in the last place.
///
/// `x = 2^e m`, `sqrt(1/2) <= m < sqrt(2)`; `ln m = 2 artanh((m - 1)/(m + 1))` by its series to the 23rd power.
#[inline(always)]
pub(crate) fn ln<const FMA: bool>(x: &Lane) -> Lane {
    // Bits of sqrt(1/2): what is above it in the fraction belongs to the next power of two.
    const HALF_ROOT: u64 = 0x3fe6_a09e_667f_3bcd;
    // 2^52 as bits: a small integer below it reads as a float after subtraction.
    const MAGIC: u64 = 0x4330_0000_0000_0000;
    let mut y = ZERO;
    for l in 0..LANES {
        let shifted = x[l]
            .to_bits()
            .wrapping_sub(HALF_ROOT)
            .wrapping_add(1023 << 52);
        let e = f64::from_bits(MAGIC | (shifted >> 52)) - (4_503_599_627_370_496.0 + 1023.0);
        let m = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff).wrapping_add(HALF_ROOT));
        let t = (m - 1.0) / (m + 1.0);
        let t2 = t * t;
        let mut p = 1.0 / 23.0;
        for k in [21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0] {
            p = fma::<FMA>(p, t2, 1.0 / k);
        }
        let tail = fma::<FMA>(2.0 * t * t2, p, e * LN2_LOW);
        y[l] = fma::<FMA>(e, LN2_HIGH, 2.0 * t + tail);
    }
    y
}

struct ExpOf<'a>(&'a mut [Lane]);

impl Kernel for ExpOf<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for lane in self.0 {
            *lane = exp::<FMA>(lane);
        }
    }
}

/// `G[j][k] = sum_r w_r a_jr b_kr`, row-major `rows x rows`, with `a`, `b` tile-major (`[tile][row]`).
pub(crate) struct Gram<'a> {
    pub rows: usize,
    pub a: &'a [Lane],
    pub b: &'a [Lane],
    pub w: &'a [Lane],
    /// Only `k >= j` is computed and then mirrored.
    pub symmetric: bool,
    pub out: &'a mut [f64],
}

/// Rows and columns of a block of the product: sixteen accumulators stay in registers.
const BLOCK: usize = 4;

impl VectorKernel for Gram<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd, const FMA: bool>(self, simd: S) {
        let n = self.rows;
        let vectors = vectors::<S>();
        let (a, _) = S::as_simd_f64s(self.a.as_flattened());
        let (b, _) = S::as_simd_f64s(self.b.as_flattened());
        let (w, _) = S::as_simd_f64s(self.w.as_flattened());
        let mut j = 0;
        while j < n {
            let mut k = if self.symmetric { j } else { 0 };
            while k < n {
                // The last block reads rows again that it has already; what they give is not written.
                let (j0, k0) = (
                    j.min(n.saturating_sub(BLOCK)),
                    k.min(n.saturating_sub(BLOCK)),
                );
                let height = BLOCK.min(n);
                let mut acc = [[simd.splat_f64s(0.0); BLOCK]; BLOCK];
                for (t, w) in w.chunks_exact(vectors).enumerate() {
                    let a = &a[(t * n + j0) * vectors..][..height * vectors];
                    let b = &b[(t * n + k0) * vectors..][..height * vectors];
                    for v in 0..vectors {
                        if height == BLOCK {
                            let wb: [_; BLOCK] =
                                std::array::from_fn(|y| simd.mul_f64s(b[y * vectors + v], w[v]));
                            for x in 0..BLOCK {
                                let a = a[x * vectors + v];
                                for y in 0..BLOCK {
                                    acc[x][y] = fused::<S, FMA>(simd, a, wb[y], acc[x][y]);
                                }
                            }
                        } else {
                            for x in 0..height {
                                for y in 0..height {
                                    let wb = simd.mul_f64s(b[y * vectors + v], w[v]);
                                    let a = a[x * vectors + v];
                                    acc[x][y] = fused::<S, FMA>(simd, a, wb, acc[x][y]);
                                }
                            }
                        }
                    }
                }
                for x in 0..height {
                    for y in 0..height {
                        let total = simd.reduce_sum_f64s(acc[x][y]);
                        self.out[(j0 + x) * n + k0 + y] = total;
                        if self.symmetric {
                            self.out[(k0 + y) * n + j0 + x] = total;
                        }
                    }
                }
                k += BLOCK;
            }
            j += BLOCK;
        }
    }
}

impl Gram<'_> {
    /// Computes the product at a level.
    pub fn at(self, level: Level) {
        level.run_vectors(self);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Ln<'a>(&'a mut [Lane]);
    impl Kernel for Ln<'_> {
        type Output = ();
        #[inline(always)]
        fn run<const FMA: bool>(self) {
            for lane in self.0 {
                *lane = ln::<FMA>(lane);
            }
        }
    }

    #[test]
    fn logarithm_agrees_with_the_library_at_every_level() {
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let points: Vec<Lane> = (0..2000)
                .map(|i| std::array::from_fn(|l| (-700.0 + 0.0437 * (i * LANES + l) as f64).exp()))
                .chain([std::array::from_fn(|l| 1.0 + 0.02 * (l as f64 - 8.0))])
                .collect();
            let mut values = points.clone();
            level.run(Ln(&mut values));
            for (x, y) in points.iter().flatten().zip(values.iter().flatten()) {
                let expected = x.ln();
                assert!(
                    (y - expected).abs() <= 4e-16 * expected.abs().max(1e-2),
                    "{level:?} ln({x}) = {y}, not {expected}"
                );
            }
        }
    }

    #[test]
    fn exponential_agrees_with_the_library_at_every_level() {
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let points: Vec<Lane> = (0..2000)
                .map(|i| std::array::from_fn(|l| -707.0 + 0.0442 * (i * LANES + l) as f64))
                .collect();
            let mut values = points.clone();
            level.exp(values.as_flattened_mut());
            for (x, y) in points.iter().flatten().zip(values.iter().flatten()) {
                let expected = x.exp();
                assert!(
                    (y / expected - 1.0).abs() < 5e-16,
                    "{level:?} exp({x}) = {y}, not {expected}"
                );
            }
            let mut ends = [
                [-800.0; LANES],
                [f64::NAN; LANES],
                [800.0; LANES],
                [0.0; LANES],
            ];
            level.exp(ends.as_flattened_mut());
            assert_eq!(ends[0][0], 0.0);
            assert!(ends[1][0].is_nan());
            assert!(ends[2][0].is_finite());
            assert_eq!(ends[3][0], 1.0);
        }
    }
}
