//! Bundled example as a component: functions over numbers and text, with nulls as options.
//!
//! The guests in C, Zig, Go, AssemblyScript and Python have functions of the same names, which give
//! the same answers.

wit_bindgen::generate!({ path: "wit", world: "examples" });

struct Functions;

impl Guest for Functions {
    fn gcd(a: i64, b: i64) -> i64 {
        let (mut a, mut b) = (a.unsigned_abs(), b.unsigned_abs());
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a.cast_signed()
    }

    fn collatz_steps(n: i64) -> i32 {
        let (mut n, mut steps) = (n, 0);
        while n > 1 {
            n = match n % 2 {
                0 => n / 2,
                _ => n.wrapping_mul(3).wrapping_add(1),
            };
            steps += 1;
        }
        steps
    }

    fn initials(text: String) -> String {
        let firsts = text.split(' ').filter_map(|word| word.chars().next());
        let letters = firsts.filter(char::is_ascii_alphabetic);
        letters.map(|letter| letter.to_ascii_uppercase()).collect()
    }

    fn mean_distance(a: Option<f64>, b: Option<f64>, c: Option<f64>) -> Option<f64> {
        let pairs = [(a, b), (b, c), (c, a)];
        let distances = pairs.into_iter().filter_map(|(a, b)| Some((a? - b?).abs()));
        let (mut sum, mut count) = (0.0, 0);
        for distance in distances {
            sum += distance;
            count += 1;
        }
        (count > 0).then(|| sum / f64::from(count))
    }
}

export!(Functions);
