//! Values that are strings of digits and sort so: UUIDs, hardware addresses, `bytea`, and addresses of networks.
//!
//! Each is respelled in its own digits (see [`spelling`](super::spelling)), so that it stays what it is. Networks are spelled bit by bit,
//! which keeps how many bits any two of them share, and with it what lies within what (`network_selfuncs.c`).

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use pgtailor_model::random::derive;

use super::spelling::respell;

/// The types whose values are digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum DigitsType {
    /// `uuid`.
    Uuid,
    /// `macaddr` and `macaddr8`.
    Hardware,
    /// `bytea` in hexadecimal digits.
    Bytes,
    /// `inet` and `cidr`.
    Network,
}

/// A value taken apart.
struct Digits {
    /// What is respelled, a symbol for each digit.
    word: Vec<u32>,
    /// Words of different spaces never meet.
    space: &'static str,
    frame: Frame,
}

/// What stays when the digits change.
enum Frame {
    Uuid,
    Hardware,
    Bytes,
    /// An address with as many bits, and the length of its mask, when that is written.
    Network {
        bits: usize,
        mask: Option<String>,
    },
}

impl Digits {
    fn read(text: &str, digits_type: DigitsType) -> Option<Self> {
        let hexadecimal = |text: &str| text.chars().map(|c| c.to_digit(16)).collect::<Option<Vec<u32>>>();
        let without = |marks: &[char]| hexadecimal(&text.replace(marks, ""));
        match digits_type {
            DigitsType::Uuid => {
                let word = without(&['-', '{', '}'])?;
                (word.len() == 32).then_some(Self { word, space: "uuid", frame: Frame::Uuid })
            }
            DigitsType::Hardware => {
                let word = without(&[':', '-', '.'])?;
                let space = if word.len() == 12 { "macaddr" } else { "macaddr8" };
                matches!(word.len(), 12 | 16).then_some(Self { word, space, frame: Frame::Hardware })
            }
            DigitsType::Bytes => {
                let word = hexadecimal(text.strip_prefix("\\x")?)?;
                word.len().is_multiple_of(2).then_some(Self { word, space: "bytea", frame: Frame::Bytes })
            }
            DigitsType::Network => Self::read_network(text),
        }
    }

    /// The host's bits of a network are zero and stay so, as `cidr` demands.
    fn read_network(text: &str) -> Option<Self> {
        let (address, mask) = text.split_once('/').map_or((text, None), |(address, mask)| (address, Some(mask.to_owned())));
        let (number, bits, space) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32, "IPv4"),
            IpAddr::V6(address) => (address.to_bits(), 128, "IPv6"),
        };
        let mut word: Vec<u32> = (0..bits).map(|bit| u32::from(number >> (127 - bit) & 1 == 1)).collect();
        if let Some(mask) = &mask {
            let length = mask.parse::<usize>().ok().filter(|length| *length <= bits)?;
            if word[length..].iter().all(|bit| *bit == 0) {
                word.truncate(length);
            }
        }
        Some(Self { word, space, frame: Frame::Network { bits, mask } })
    }
}

impl Frame {
    fn write(&self, digits: &str) -> Option<String> {
        let grouped = |size: usize| {
            let groups = digits.as_bytes().chunks(size).map(|group| String::from_utf8_lossy(group).into_owned());
            groups.collect::<Vec<_>>().join(":")
        };
        match self {
            Self::Uuid => {
                let part = |range: std::ops::Range<usize>| digits.get(range);
                Some(format!("{}-{}-{}-{}-{}", part(0..8)?, part(8..12)?, part(12..16)?, part(16..20)?, part(20..32)?))
            }
            Self::Hardware => Some(grouped(2)),
            Self::Bytes => Some(format!("\\x{digits}")),
            Self::Network { bits, mask } => {
                let number = u128::from_str_radix(&format!("{digits:0<bits$}"), 2).ok()?;
                let address: IpAddr = match u32::try_from(number) {
                    Ok(number) if *bits == 32 => Ipv4Addr::from_bits(number).into(),
                    _ => Ipv6Addr::from_bits(number).into(),
                };
                let mask = mask.as_ref().map(|mask| format!("/{mask}")).unwrap_or_default();
                Some(format!("{address}{mask}"))
            }
        }
    }
}

/// The values that were seen, by the space in which they are compared.
#[derive(Debug, Default)]
pub(super) struct DigitStrings(BTreeMap<&'static str, BTreeSet<Vec<u32>>>);

impl DigitStrings {
    /// Notes `text`, unless it is no value of the type.
    pub(super) fn add(&mut self, text: &str, digits_type: DigitsType) {
        if let Some(digits) = Digits::read(text, digits_type) {
            self.0.entry(digits.space).or_default().insert(digits.word);
        }
    }

    /// The images of all that were seen.
    pub(super) fn images(self, secret: u64) -> DigitImages {
        let of_space = |(space, words): (&'static str, BTreeSet<Vec<u32>>)| {
            let words: Vec<Vec<u32>> = words.into_iter().collect();
            let alphabet: &[u8] = if space.starts_with("IP") { b"01" } else { b"0123456789abcdef" };
            let spellings = respell(&words, alphabet, derive(secret, space), &BTreeSet::new());
            (space, words.into_iter().zip(spellings).collect())
        };
        DigitImages(self.0.into_iter().map(of_space).collect())
    }
}

/// Images of values.
#[derive(Debug)]
pub(super) struct DigitImages(BTreeMap<&'static str, BTreeMap<Vec<u32>, String>>);

impl DigitImages {
    /// The image of `text`; `None` when it was not seen. What the schema `named` stays.
    pub(super) fn of(&self, text: &str, digits_type: DigitsType, named: &BTreeSet<String>) -> Option<String> {
        if named.contains(text) {
            return Some(text.to_owned());
        }
        let digits = Digits::read(text, digits_type)?;
        digits.frame.write(self.0.get(digits.space)?.get(&digits.word)?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_set;
    use proptest::prelude::*;

    use super::*;

    fn images(texts: &[String], digits_type: DigitsType, secret: u64) -> Vec<String> {
        let mut seen = DigitStrings::default();
        for text in texts {
            seen.add(text, digits_type);
        }
        let images = seen.images(secret);
        texts.iter().map(|text| images.of(text, digits_type, &BTreeSet::new()).expect("seen")).collect()
    }

    fn network(address: u32, length: u32) -> u32 {
        address.checked_shr(32 - length).unwrap_or(0)
    }

    proptest! {
        #[test]
        fn uuids_stay_uuids_in_order(numbers in btree_set(any::<u128>(), 1..50), secret in any::<u64>()) {
            let text = |number: u128| {
                let digits = format!("{number:032x}");
                format!("{}-{}-{}-{}-{}", &digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..])
            };
            let texts: Vec<String> = numbers.into_iter().map(text).collect();
            let images = images(&texts, DigitsType::Uuid, secret);
            prop_assert!(images.windows(2).all(|pair| pair[0] < pair[1]));
            prop_assert!(images.iter().all(|image| image.len() == 36 && Digits::read(image, DigitsType::Uuid).is_some()));
        }

        #[test]
        fn networks_keep_what_they_share(numbers in btree_set((0..4_u32, any::<u32>()), 2..40), secret in any::<u64>()) {
            let addresses: Vec<u32> = numbers.into_iter().map(|(near, address)| if near == 0 { address } else { 0x0a00_0000 | (address & 0xffff) }).collect();
            let texts: Vec<String> = addresses.iter().map(|address| Ipv4Addr::from_bits(*address).to_string()).collect();
            let images: Vec<u32> = images(&texts, DigitsType::Network, secret).iter().map(|image| image.parse::<Ipv4Addr>().expect("valid").to_bits()).collect();
            for (a, c) in addresses.iter().zip(&images) {
                for (b, d) in addresses.iter().zip(&images) {
                    prop_assert_eq!((a ^ b).leading_zeros(), (c ^ d).leading_zeros());
                    prop_assert_eq!(a.cmp(b), c.cmp(d));
                }
            }
        }
    }

    #[test]
    fn a_host_stays_within_its_network() {
        let texts: Vec<String> = ["203.0.113.0/24", "203.0.113.9/24", "203.0.113.9", "2001:db8::1"].map(str::to_owned).into();
        let images = images(&texts, DigitsType::Network, 4);
        let address = |text: &str| text.split('/').next().and_then(|text| text.parse::<Ipv4Addr>().ok()).expect("IPv4").to_bits();
        assert!(images[0].ends_with(".0/24") && images[0] != texts[0], "{images:?}");
        assert_eq!(network(address(&images[0]), 24), network(address(&images[1]), 24));
        assert_eq!(format!("{}/24", images[2]), images[1]);
        assert!(images[3].parse::<Ipv6Addr>().is_ok());
    }

    #[test]
    fn the_servers_spelling_is_understood_and_kept() {
        for (text, digits_type) in
            [("08:00:2b:01:02:03", DigitsType::Hardware), (r"\x00ff", DigitsType::Bytes), (r"\x", DigitsType::Bytes)]
        {
            let image = images(&[text.to_owned()], digits_type, 9).remove(0);
            assert_eq!(image.len(), text.len(), "{image}");
        }
        assert!(Digits::read("abc", DigitsType::Uuid).is_none() && Digits::read("300.1.1.1", DigitsType::Network).is_none());
    }
}
