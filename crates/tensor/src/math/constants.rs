//! What the functions of [`math`](super) need to know of a number type: its bits and its polynomials.

/// The constants of one number type.
///
/// The polynomials were found by Remez's exchange algorithm in 60 digits for the least relative error, which is named with
/// each: far enough below half a unit in the last place that rounding rules. Coefficients are in ascending order.
///
/// The lists `WIDE_…` serve functions that are computed in `f64` and rounded to this type at the end.
pub trait Constants: Copy + Sized + 'static {
    /// 1.5·2^(p − 1) for p bits of precision: added to a number and taken off again, it rounds to a whole number.
    const SHIFT: Self;
    /// log₂ e.
    const LOG2_E: Self;
    /// ln 2 as a sum of two; the first has so few bits that its product with an exponent is exact.
    const LN_2: [Self; 2];
    /// The logarithm of the smallest normal number.
    const LEAST_LOG: Self;
    /// Above it the exponential is infinite, and a little more.
    const MOST_LOG: Self;
    /// P of e^r = 1 + r + r²·P(r), |r| ≤ ½ ln 2.
    const EXP: &'static [Self];
    /// P of tanh z = z + z³·P(z²), |z| ≤ ⅝.
    const TANH: &'static [Self];
    /// P of [`EXP`](Self::EXP), to the precision that this type needs.
    const WIDE_EXP: &'static [f64];
    /// P of 2 artanh s = 2s + s³·P(s²), 0 ≤ s ≤ ⅓.
    const WIDE_LOG: &'static [f64];
    /// P of Φ(−a)·e^(a²/2)·(a + 4) = P((a − 4)/(a + 4)), a ≥ 0.
    const WIDE_NORMAL: &'static [f64];

    /// 2ᵏ, given `SHIFT` + k, for a k that gives a normal number.
    fn power_of_two(shifted: Self) -> Self;
    /// The first half of the digits, whose square is exact.
    fn first_half(self) -> Self;
}

impl Constants for f32 {
    const SHIFT: Self = 12_582_912.0;
    const LOG2_E: Self = std::f32::consts::LOG2_E;
    const LN_2: [Self; 2] = [0.693_145_75, 1.428_606_8e-6];
    const LEAST_LOG: Self = -87.336_54;
    const MOST_LOG: Self = 89.0;
    // 2^−28.3
    #[allow(clippy::excessive_precision)]
    const EXP: &'static [Self] = &[0.499_999_93, 0.166_665_2, 0.041_668_388, 0.008_368_717, 0.001_381_462_7];
    // 2^−27.8
    #[allow(clippy::excessive_precision)]
    const TANH: &'static [Self] =
        &[-0.333_332_82, 0.133_314_42, -0.053_739_714, 0.020_639_082, -0.005_704_981_4];
    // 2^−34.2
    const WIDE_EXP: &'static [f64] = &[
        0.500_000_006_767_540_2,
        0.166_666_658_685_036_15,
        0.041_666_294_956_656_524,
        0.008_333_497_143_512_322,
        0.001_394_465_935_736_850_7,
        0.000_197_903_147_235_206_73,
    ];
    // 2^−33.1
    const WIDE_LOG: &'static [f64] = &[
        0.666_666_756_213_916_8,
        0.399_988_777_717_028_57,
        0.286_168_844_748_678_2,
        0.214_276_577_995_066_08,
        0.243_009_443_702_013_3,
    ];
    // 2^−29.5
    const WIDE_NORMAL: &'static [f64] = &[
        0.755_285_131_295_562_7,
        -0.607_896_649_356_769_1,
        0.387_137_304_941_812_1,
        -0.186_521_573_922_355_77,
        0.060_398_353_228_133_51,
        -0.007_542_613_751_735_265,
        -0.003_492_220_276_071_397_4,
        0.001_635_487_037_004_599_7,
        0.000_171_860_241_973_514_36,
        -0.000_219_284_740_755_426_8,
        -4.506_155_753_594_032e-5,
    ];

    #[inline(always)]
    fn power_of_two(shifted: Self) -> Self {
        Self::from_bits((shifted.to_bits().wrapping_add(127)) << 23)
    }

    #[inline(always)]
    fn first_half(self) -> Self {
        Self::from_bits(self.to_bits() & !0xFFF)
    }
}

impl Constants for f64 {
    const SHIFT: Self = 6_755_399_441_055_744.0;
    const LOG2_E: Self = std::f64::consts::LOG2_E;
    const LN_2: [Self; 2] = [0.693_147_180_369_123_8, 1.908_214_929_270_587_7e-10];
    const LEAST_LOG: Self = -708.396_418_532_264_1;
    const MOST_LOG: Self = 710.0;
    // 2^−64.0
    const EXP: &'static [Self] = &[
        0.5,
        0.166_666_666_666_666_82,
        0.041_666_666_666_666_095,
        0.008_333_333_333_317_035,
        0.001_388_888_888_911_566_3,
        0.000_198_412_698_963_822_8,
        2.480_158_692_655_558e-5,
        2.755_723_486_320_085_6e-6,
        2.755_758_191_733_348e-7,
        2.511_203_645_968_769_4e-8,
        2.082_660_549_840_411_7e-9,
    ];
    // 2^−61.2
    const TANH: &'static [Self] = &[
        -0.333_333_333_333_333_15,
        0.133_333_333_333_297_43,
        -0.053_968_253_966_058_86,
        0.021_869_488_468_714_424,
        -0.008_863_234_312_566_104,
        0.003_592_113_999_773_978,
        -0.001_455_725_947_525_227_7,
        0.000_589_451_797_065_422_5,
        -0.000_237_011_725_897_947_37,
        9.155_840_571_484_327e-5,
        -3.018_721_557_687_998_4e-5,
        6.042_466_581_906_332e-6,
    ];
    const WIDE_EXP: &'static [f64] = Self::EXP;
    // 2^−64.6
    const WIDE_LOG: &'static [f64] = &[
        0.666_666_666_666_666_7,
        0.399_999_999_999_939_8,
        0.285_714_285_725_100_16,
        0.222_222_221_254_707_64,
        0.181_818_232_029_331_45,
        0.153_844_519_313_341_5,
        0.133_368_058_409_095_69,
        0.117_159_503_500_950_01,
        0.109_725_694_342_093_64,
        0.069_942_355_210_131_22,
        0.164_676_556_463_116_8,
    ];
    // 2^−59.3
    const WIDE_NORMAL: &'static [f64] = &[
        0.755_285_130_415_751_5,
        -0.607_896_641_971_892_1,
        0.387_137_400_742_214_87,
        -0.186_521_857_959_658_62,
        0.060_396_574_890_919_65,
        -0.007_540_188_966_683_532,
        -0.003_479_692_367_020_06,
        0.001_630_818_456_982_538_6,
        0.000_133_344_308_151_431_1,
        -0.000_231_094_930_709_380_95,
        -1.908_229_965_430_799e-6,
        3.514_466_777_381_965e-5,
        7.165_464_485_562_34e-7,
        -5.920_133_559_328_487e-6,
        -6.293_707_102_608_688e-7,
        1.021_525_915_564_183e-6,
        2.712_319_844_971_946e-7,
        -1.550_294_951_155_75e-7,
        -8.478_027_062_851_663e-8,
        1.345_433_640_438_424_3e-8,
        1.922_828_867_072_089e-8,
        1.757_288_998_767_362_9e-9,
        -2.416_398_341_584_186_2e-9,
        -6.709_048_369_647_928e-10,
    ];

    #[inline(always)]
    fn power_of_two(shifted: Self) -> Self {
        Self::from_bits((shifted.to_bits().wrapping_add(1023)) << 52)
    }

    #[inline(always)]
    fn first_half(self) -> Self {
        Self::from_bits(self.to_bits() & !0x7FF_FFFF)
    }
}
