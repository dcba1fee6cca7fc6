//! Vectors of agents and the instruction level they run at.
//!
//! Agents of a market stand in tiles of [`LANES`]; every kernel runs over whole tiles, so the compiler turns its inner
//! loops into vector instructions of whatever level it is compiled for. [`Level::run`] compiles a kernel once a level and
//! picks at run time. Sums over agents are taken lane by lane and then in one fixed order: the same bits at one level,
//! whatever the number of threads.

use std::cell::RefCell;
use std::marker::PhantomData;

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
pub(crate) struct Lanes<T = f64> {
    memory: Vec<f64>,
    /// Where the first tile begins, and how many places of the memory they take.
    start: usize,
    length: usize,
    number: PhantomData<T>,
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
}

impl<T: Number> Lanes<T> {
    /// Tiles with whatever numbers were in the memory, for those who write them all; of the blocks kept the smallest that will do.
    pub fn unwritten(tiles: usize) -> Self {
        let length = (tiles * LANES * size_of::<T>()).div_ceil(size_of::<f64>());
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
            number: PhantomData,
        }
    }

    /// Tiles, each a function of its place.
    pub fn from_fn(tiles: usize, mut f: impl FnMut(usize) -> [T; LANES]) -> Self {
        let mut lanes = Self::unwritten(tiles);
        lanes
            .iter_mut()
            .enumerate()
            .for_each(|(i, lane)| *lane = f(i));
        lanes
    }
}

impl<T> Drop for Lanes<T> {
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

impl<T: Number> std::ops::Deref for Lanes<T> {
    type Target = [[T; LANES]];
    fn deref(&self) -> &[[T; LANES]] {
        let numbers = &self.memory[self.start..][..self.length];
        pulp::bytemuck::cast_slice::<f64, T>(numbers).as_chunks().0
    }
}

impl<T: Number> std::ops::DerefMut for Lanes<T> {
    fn deref_mut(&mut self) -> &mut [[T; LANES]] {
        let numbers = &mut self.memory[self.start..][..self.length];
        pulp::bytemuck::cast_slice_mut::<f64, T>(numbers)
            .as_chunks_mut()
            .0
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
        in_tiles(values, |tiles| self.run(ExpOf(tiles)));
    }

    /// Replaces positive normal numbers by their logarithms.
    pub(crate) fn ln(self, values: &mut [f64]) {
        in_tiles(values, |tiles| self.run(LnOf(tiles)));
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

/// Numbers that kernels in vectors compute with.
pub(crate) trait Number: pulp::bytemuck::Pod {
    /// A register of them.
    type Vector<S: Simd>: Copy;

    /// The largest magnitude of which [`Number::exp2`] takes the power.
    const MODERATE: f64;
    /// What an exponential may be off by, relative to it, where nothing hangs on the last digit.
    const ROUNDING: f64;

    fn from(x: f64) -> Self;
    fn into_double(self) -> f64;
    fn split<S: Simd>(numbers: &[Self]) -> &[Self::Vector<S>];
    fn split_mut<S: Simd>(numbers: &mut [Self]) -> &mut [Self::Vector<S>];
    fn splat<S: Simd>(simd: S, x: Self) -> Self::Vector<S>;
    fn add<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn sub<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn mul<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    fn div<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// `a b + c`.
    fn fused<S: Simd, const FMA: bool>(
        simd: S,
        a: Self::Vector<S>,
        b: Self::Vector<S>,
        c: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// `b` where it is above `a`, else `a`.
    fn higher<S: Simd>(simd: S, a: Self::Vector<S>, b: Self::Vector<S>) -> Self::Vector<S>;
    /// The sum of a register, in one fixed order.
    fn sum<S: Simd>(simd: S, a: Self::Vector<S>) -> Self;
    /// Power of two of moderate numbers, to about one unit in the last place: an exponential whose argument is scaled beforehand needs no
    /// product to find how often it doubles, nor one to take that off.
    fn exp2<S: Simd, const FMA: bool>(simd: S, x: Self::Vector<S>) -> Self::Vector<S>;
    /// The same to a relative [`BRISK`], in two operations less.
    fn exp2_brisk<S: Simd, const FMA: bool>(simd: S, x: Self::Vector<S>) -> Self::Vector<S>;
    /// `2^(x - top)` for `x` no higher than `top`; what is not moderate any more is nothing.
    fn exp2_below<S: Simd, const FMA: bool>(
        simd: S,
        x: Self::Vector<S>,
        top: Self::Vector<S>,
    ) -> Self::Vector<S>;
    /// Vectors in a tile.
    fn vectors<S: Simd>() -> usize;
}

/// Vectors side by side.
pub(crate) type Vectors<'s, T, S> = &'s [<T as Number>::Vector<S>];

/// Most vectors in a tile of any level that runs kernels in vectors.
pub(crate) const MOST_VECTORS: usize = LANES / 4;

macro_rules! number {
    ($t:ty, $vector:ident, $lanes:ident, $moderate:expr, $split:ident, $split_mut:ident, $splat:ident,
     $add:ident, $sub:ident, $mul:ident, $div:ident, $fused:ident, $sum:ident, $less:ident, $select:ident, $exp:ident, $brisk:ident) => {
        #[allow(clippy::cast_lossless)]
        impl Number for $t {
            type Vector<S: Simd> = S::$vector;
            const MODERATE: f64 = $moderate;
            const ROUNDING: f64 = 5.0 * <$t>::EPSILON as f64;
            #[inline(always)]
            fn from(x: f64) -> Self {
                x as $t
            }
            #[inline(always)]
            fn into_double(self) -> f64 {
                self as f64
            }
            #[inline(always)]
            fn split<S: Simd>(numbers: &[Self]) -> &[S::$vector] {
                S::$split(numbers).0
            }
            #[inline(always)]
            fn split_mut<S: Simd>(numbers: &mut [Self]) -> &mut [S::$vector] {
                S::$split_mut(numbers).0
            }
            #[inline(always)]
            fn splat<S: Simd>(simd: S, x: Self) -> S::$vector {
                simd.$splat(x)
            }
            #[inline(always)]
            fn add<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$add(a, b)
            }
            #[inline(always)]
            fn sub<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$sub(a, b)
            }
            #[inline(always)]
            fn mul<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$mul(a, b)
            }
            #[inline(always)]
            fn div<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$div(a, b)
            }
            #[inline(always)]
            fn fused<S: Simd, const FMA: bool>(
                simd: S,
                a: S::$vector,
                b: S::$vector,
                c: S::$vector,
            ) -> S::$vector {
                if FMA {
                    simd.$fused(a, b, c)
                } else {
                    simd.$add(simd.$mul(a, b), c)
                }
            }
            #[inline(always)]
            fn higher<S: Simd>(simd: S, a: S::$vector, b: S::$vector) -> S::$vector {
                simd.$select(simd.$less(a, b), b, a)
            }
            #[inline(always)]
            fn sum<S: Simd>(simd: S, a: S::$vector) -> Self {
                simd.$sum(a)
            }
            #[inline(always)]
            fn exp2<S: Simd, const FMA: bool>(simd: S, x: S::$vector) -> S::$vector {
                $exp::<S, FMA>(simd, x)
            }
            #[inline(always)]
            fn exp2_brisk<S: Simd, const FMA: bool>(simd: S, x: S::$vector) -> S::$vector {
                $brisk::<S, FMA>(simd, x)
            }
            #[inline(always)]
            fn exp2_below<S: Simd, const FMA: bool>(
                simd: S,
                x: S::$vector,
                top: S::$vector,
            ) -> S::$vector {
                let low = simd.$splat(-$moderate);
                let x = simd.$sub(x, top);
                let nothing = simd.$less(x, low);
                let e = $exp::<S, FMA>(simd, simd.$select(nothing, low, x));
                simd.$select(nothing, simd.$splat(0.0), e)
            }
            #[inline(always)]
            fn vectors<S: Simd>() -> usize {
                LANES / S::$lanes
            }
        }
    };
}

number!(
    f64,
    f64s,
    F64_LANES,
    1000.0,
    as_simd_f64s,
    as_mut_simd_f64s,
    splat_f64s,
    add_f64s,
    sub_f64s,
    mul_f64s,
    div_f64s,
    mul_add_e_f64s,
    reduce_sum_f64s,
    less_than_f64s,
    select_f64s,
    exp2_double,
    exp2_double_brisk
);
number!(
    f32,
    f32s,
    F32_LANES,
    115.0,
    as_simd_f32s,
    as_mut_simd_f32s,
    splat_f32s,
    add_f32s,
    sub_f32s,
    mul_f32s,
    div_f32s,
    mul_add_e_f32s,
    reduce_sum_f32s,
    less_than_f32s,
    select_f32s,
    exp2_single,
    exp2_single
);

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
/// From the tenth power down to the square: `1 + r + ...` with these is `exp(r)` to a relative 2.9e-16 wherever `|r| <= ln 2 / 2`.
/// The exchange of Remez found them, in sixty digits.
const MINIMAX: [f64; 9] = [
    2.7476779552864355e-07,
    2.7635005925865986e-06,
    2.4801931856589663e-05,
    0.00019841185203323114,
    0.0013888888516006123,
    0.008333333370891925,
    0.041666666668137634,
    0.16666666666611513,
    0.49999999999998324,
];

/// What a brisk exponential may be off by, relative to it.
pub(crate) const BRISK: f64 = 1e-12;

/// From the tenth power down to one itself: `2^r` to a relative 2.1e-16 wherever `|r| <= 1/2`.
const POWER: [f64; 11] = [
    7.037275605338001e-09,
    1.0208543971775487e-07,
    1.3215662904389457e-06,
    1.5252658086414332e-05,
    0.00015403529960872676,
    0.001333355822861053,
    0.009618129108034917,
    0.05550410866445855,
    0.24022650695908768,
    0.6931471805599497,
    1.0,
];

/// From the eighth power down, to a relative 7.8e-13.
const POWER_BRISK: [f64; 9] = [
    1.3175851106477213e-06,
    1.5309748762043848e-05,
    0.00015403851872694874,
    0.001333345202011053,
    0.009618128542530646,
    0.0555041093938505,
    0.2402265069888271,
    0.6931471805465035,
    0.9999999999997621,
];

/// From the sixth power down, to a relative 1.9e-9.
const POWER_SINGLE: [f32; 7] = [
    0.000_153_458,
    0.001_339_994_4,
    0.009_618_489,
    0.055_503_287,
    0.240_226_47,
    std::f32::consts::LN_2,
    1.0,
];

/// As [`exp`] of `x ln 2`, without its bounds.
#[inline(always)]
fn exp2_double<S: Simd, const FMA: bool>(simd: S, x: S::f64s) -> S::f64s {
    power_double::<S, FMA>(simd, &POWER, x)
}

/// As [`exp2_double`], with a shorter polynomial.
#[inline(always)]
fn exp2_double_brisk<S: Simd, const FMA: bool>(simd: S, x: S::f64s) -> S::f64s {
    power_double::<S, FMA>(simd, &POWER_BRISK, x)
}

/// `2^x = 2^n 2^r`, `n` the nearest integer, with coefficients of `2^r` from the highest power down.
#[inline(always)]
fn power_double<S: Simd, const FMA: bool>(simd: S, power: &[f64], x: S::f64s) -> S::f64s {
    let number = |c: f64| simd.splat_f64s(c);
    let n = simd.sub_f64s(simd.add_f64s(x, number(SHIFT)), number(SHIFT));
    let r = simd.sub_f64s(x, n);
    let mut p = number(power[0]);
    for c in &power[1..] {
        p = f64::fused::<S, FMA>(simd, p, r, number(*c));
    }
    // With 1.5 * 2^20 added, `n + 1023` stands in the low bits of the high word; twenty places up it is the exponent of `2^n`.
    let high: S::u32s = pulp::cast(simd.add_f64s(n, number(1_572_864.0 + 1023.0)));
    let scale = simd.wrapping_dyn_shl_u32s(high, simd.splat_u32s(20));
    simd.mul_f64s(p, pulp::cast(scale))
}

/// As [`exp2_double`].
#[inline(always)]
fn exp2_single<S: Simd, const FMA: bool>(simd: S, x: S::f32s) -> S::f32s {
    /// `1.5 * 2^23`.
    const SHIFT: f32 = 12_582_912.0;
    let number = |c: f32| simd.splat_f32s(c);
    let n = simd.sub_f32s(simd.add_f32s(x, number(SHIFT)), number(SHIFT));
    let r = simd.sub_f32s(x, n);
    let mut p = number(POWER_SINGLE[0]);
    for c in &POWER_SINGLE[1..] {
        p = f32::fused::<S, FMA>(simd, p, r, number(*c));
    }
    let low: S::u32s = pulp::cast(simd.add_f32s(n, number(SHIFT + 127.0)));
    let scale = simd.wrapping_dyn_shl_u32s(low, simd.splat_u32s(23));
    simd.mul_f32s(p, pulp::cast(scale))
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

/// Does something to numbers tile by tile; the last tile is filled up with ones.
fn in_tiles(values: &mut [f64], f: impl Fn(&mut [Lane])) {
    let (tiles, rest) = values.as_chunks_mut::<LANES>();
    f(tiles);
    if !rest.is_empty() {
        let mut last = [1.0; LANES];
        last[..rest.len()].copy_from_slice(rest);
        f(std::slice::from_mut(&mut last));
        rest.copy_from_slice(&last[..rest.len()]);
    }
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

struct LnOf<'a>(&'a mut [Lane]);

impl Kernel for LnOf<'_> {
    type Output = ();
    #[inline(always)]
    fn run<const FMA: bool>(self) {
        for lane in self.0 {
            *lane = ln::<FMA>(lane);
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
        let vectors = f64::vectors::<S>();
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
                                    acc[x][y] = f64::fused::<S, FMA>(simd, a, wb[y], acc[x][y]);
                                }
                            }
                        } else {
                            for x in 0..height {
                                for y in 0..height {
                                    let wb = simd.mul_f64s(b[y * vectors + v], w[v]);
                                    let a = a[x * vectors + v];
                                    acc[x][y] = f64::fused::<S, FMA>(simd, a, wb, acc[x][y]);
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

    #[test]
    fn logarithm_agrees_with_the_library_at_every_level() {
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let points: Vec<Lane> = (0..2000)
                .map(|i| std::array::from_fn(|l| (-700.0 + 0.0437 * (i * LANES + l) as f64).exp()))
                .chain([std::array::from_fn(|l| 1.0 + 0.02 * (l as f64 - 8.0))])
                .collect();
            let mut values = points.clone();
            level.ln(values.as_flattened_mut());
            for (x, y) in points.iter().flatten().zip(values.iter().flatten()) {
                let expected = x.ln();
                assert!(
                    (y - expected).abs() <= 4e-16 * expected.abs().max(1e-2),
                    "{level:?} ln({x}) = {y}, not {expected}"
                );
            }
        }
    }

    /// Powers of two of a slice of numbers; below `top` where there is one.
    struct Powers<'a, T>(&'a mut [[T; LANES]], Option<T>, bool);
    impl<T: Number> VectorKernel for Powers<'_, T> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd, const FMA: bool>(self, simd: S) {
            for x in T::split_mut::<S>(self.0.as_flattened_mut()) {
                *x = match self.1 {
                    Some(top) => T::exp2_below::<S, FMA>(simd, *x, T::splat(simd, top)),
                    None if self.2 => T::exp2_brisk::<S, FMA>(simd, *x),
                    None => T::exp2::<S, FMA>(simd, *x),
                };
            }
        }
    }

    fn powers_of<T: Number>(tolerance: f64) {
        for level in [Level::Portable, Level::Avx2, Level::Avx512] {
            let count = 1000;
            let points: Vec<[T; LANES]> = (0..count)
                .map(|i| {
                    let at = |l: usize| 2.0 * (i * LANES + l) as f64 / (count * LANES - 1) as f64;
                    std::array::from_fn(|l| T::from(T::MODERATE * (at(l) - 1.0)))
                })
                .collect();
            for (brisk, tolerance) in [(false, tolerance), (true, tolerance.max(BRISK))] {
                let mut values = points.clone();
                level.run_vectors(Powers(&mut values, None, brisk));
                for (x, y) in points.iter().flatten().zip(values.iter().flatten()) {
                    let (x, y) = (x.into_double(), y.into_double());
                    assert!(
                        (y / x.exp2() - 1.0).abs() < tolerance,
                        "{level:?} 2^{x} = {y}"
                    );
                }
            }
            let mut ends = [[-2.0 * T::MODERATE, f64::NAN, 0.0, 1.0].map(T::from)].concat();
            ends.resize(LANES, T::from(0.0));
            let (ends, _) = ends.as_chunks_mut();
            level.run_vectors(Powers(ends, Some(T::from(1.0)), false));
            let [low, not, middle, top] =
                [ends[0][0], ends[0][1], ends[0][2], ends[0][3]].map(T::into_double);
            assert!(
                low == 0.0 && not.is_nan() && top == 1.0,
                "{low} {not} {top}"
            );
            assert!((middle * 2.0 - 1.0).abs() < tolerance);
        }
    }

    #[test]
    fn powers_in_vectors_agree_with_the_library_at_every_level() {
        powers_of::<f64>(5e-16);
        // To one unit in the last place.
        powers_of::<f32>(2e-7);
    }

    #[test]
    fn tiles_begin_on_a_cache_line_and_are_used_again() {
        for tiles in [1, 7, 3, 20] {
            let lanes: Lanes<f32> = Lanes::from_fn(tiles, |i| [i as f32; LANES]);
            assert_eq!(lanes.as_ptr().align_offset(LINE), 0);
            assert_eq!(lanes.len(), tiles);
            assert_eq!(lanes[tiles - 1][LANES - 1], (tiles - 1) as f32);
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
