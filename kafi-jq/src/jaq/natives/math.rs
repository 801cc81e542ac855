//! Mathematics, as far as the standard library goes.

use jaq_core::native::{bome, v};

use crate::jaq::natives::{Native, fails};
use crate::number::Num;
use crate::value::{Error, Val, ValR};

pub(super) fn natives() -> Vec<Native> {
    let mut all = of_one();
    all.extend(of_several());
    all
}

fn of_one() -> Vec<Native> {
    vec![
        ("floor", v(0), |cv| bome(one(&cv.1, f64::floor))),
        ("ceil", v(0), |cv| bome(one(&cv.1, f64::ceil))),
        ("round", v(0), |cv| bome(one(&cv.1, f64::round))),
        ("trunc", v(0), |cv| bome(one(&cv.1, f64::trunc))),
        ("rint", v(0), |cv| bome(one(&cv.1, f64::round_ties_even))),
        ("nearbyint", v(0), |cv| bome(one(&cv.1, f64::round_ties_even))),
        ("fabs", v(0), |cv| bome(one(&cv.1, f64::abs))),
        ("sqrt", v(0), |cv| bome(one(&cv.1, f64::sqrt))),
        ("cbrt", v(0), |cv| bome(one(&cv.1, f64::cbrt))),
        ("exp", v(0), |cv| bome(one(&cv.1, f64::exp))),
        ("exp2", v(0), |cv| bome(one(&cv.1, f64::exp2))),
        ("exp10", v(0), |cv| bome(one(&cv.1, |x| 10f64.powf(x)))),
        ("expm1", v(0), |cv| bome(one(&cv.1, f64::exp_m1))),
        ("log", v(0), |cv| bome(one(&cv.1, f64::ln))),
        ("log2", v(0), |cv| bome(one(&cv.1, f64::log2))),
        ("log10", v(0), |cv| bome(one(&cv.1, f64::log10))),
        ("log1p", v(0), |cv| bome(one(&cv.1, f64::ln_1p))),
        ("sin", v(0), |cv| bome(one(&cv.1, f64::sin))),
        ("cos", v(0), |cv| bome(one(&cv.1, f64::cos))),
        ("tan", v(0), |cv| bome(one(&cv.1, f64::tan))),
        ("asin", v(0), |cv| bome(one(&cv.1, f64::asin))),
        ("acos", v(0), |cv| bome(one(&cv.1, f64::acos))),
        ("atan", v(0), |cv| bome(one(&cv.1, f64::atan))),
        ("sinh", v(0), |cv| bome(one(&cv.1, f64::sinh))),
        ("cosh", v(0), |cv| bome(one(&cv.1, f64::cosh))),
        ("tanh", v(0), |cv| bome(one(&cv.1, f64::tanh))),
        ("asinh", v(0), |cv| bome(one(&cv.1, f64::asinh))),
        ("acosh", v(0), |cv| bome(one(&cv.1, f64::acosh))),
        ("atanh", v(0), |cv| bome(one(&cv.1, f64::atanh))),
    ]
}

fn of_several() -> Vec<Native> {
    vec![
        ("pow", v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(two(&left, &right, f64::powf))
        }),
        ("atan2", v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(two(&left, &right, f64::atan2))
        }),
        ("fmin", v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(two(&left, &right, f64::min))
        }),
        ("fmax", v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(two(&left, &right, f64::max))
        }),
        ("fmod", v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(two(&left, &right, |left, right| left % right))
        }),
        ("copysign", v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(two(&left, &right, f64::copysign))
        }),
        ("hypot", v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(two(&left, &right, f64::hypot))
        }),
        ("ldexp", v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(two(&left, &right, |left, right| left * right.exp2()))
        }),
        ("scalb", v(2), |mut cv| {
            let (right, left) = (cv.0.pop_var(), cv.0.pop_var());
            bome(two(&left, &right, |left, right| left * right.exp2()))
        }),
        ("fma", v(3), |mut cv| {
            let (third, second, first) = (cv.0.pop_var(), cv.0.pop_var(), cv.0.pop_var());
            let multiplied = two(&first, &second, |left, right| left * right);
            bome(multiplied.and_then(|product| two(&product, &third, |left, right| left + right)))
        }),
    ]
}

fn number(value: &Val) -> Result<&Num, Error> {
    match value {
        Val::Num(number) => Ok(number),
        other => Err(fails(format_args!("{} number required", other.described()))),
    }
}

/// Whole numbers that are rounded stay as they are, whatever their size.
fn one(value: &Val, function: fn(f64) -> f64) -> ValR {
    let number = number(value)?;
    let result = function(number.float());
    if let (Num::Int(int), true) = (number, result == number.float()) {
        return Ok(Val::Num(Num::Int(*int)));
    }
    Ok(Val::float(result))
}

fn two(left: &Val, right: &Val, function: fn(f64, f64) -> f64) -> ValR {
    Ok(Val::float(function(number(left)?.float(), number(right)?.float())))
}
