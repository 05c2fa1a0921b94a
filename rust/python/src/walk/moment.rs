//! Dates and times, read from their objects.

use std::ptr::NonNull;

use fasm_core::mixer::Mixer;
use pyo3::ffi;

use super::leaf::tag;
use super::raw::Item;

/// Takes all that a `date`, or an object of a subclass, holds.
pub fn absorb_date(mixer: &mut Mixer, item: Item) {
    let object = item.ptr();
    // SAFETY: the caller knows that this is a date.
    let parts = unsafe {
        [
            ffi::PyDateTime_GET_YEAR(object),
            ffi::PyDateTime_GET_MONTH(object),
            ffi::PyDateTime_GET_DAY(object),
        ]
    };
    absorb(mixer, &parts);
}

/// Takes a `datetime` apart from its time zone.
pub fn absorb_datetime(mixer: &mut Mixer, item: Item) {
    absorb_date(mixer, item);
    let object = item.ptr();
    // SAFETY: the caller knows that this is a datetime.
    let parts = unsafe {
        [
            ffi::PyDateTime_DATE_GET_HOUR(object),
            ffi::PyDateTime_DATE_GET_MINUTE(object),
            ffi::PyDateTime_DATE_GET_SECOND(object),
            ffi::PyDateTime_DATE_GET_MICROSECOND(object),
            ffi::PyDateTime_DATE_GET_FOLD(object).into(),
        ]
    };
    absorb(mixer, &parts);
}

/// Takes a `time` apart from its time zone.
pub fn absorb_time(mixer: &mut Mixer, item: Item) {
    let object = item.ptr();
    // SAFETY: the caller knows that this is a time.
    let parts = unsafe {
        [
            ffi::PyDateTime_TIME_GET_HOUR(object),
            ffi::PyDateTime_TIME_GET_MINUTE(object),
            ffi::PyDateTime_TIME_GET_SECOND(object),
            ffi::PyDateTime_TIME_GET_MICROSECOND(object),
            ffi::PyDateTime_TIME_GET_FOLD(object).into(),
        ]
    };
    absorb(mixer, &parts);
}

/// Takes a `timedelta`.
pub fn absorb_timedelta(mixer: &mut Mixer, item: Item) {
    let object = item.ptr();
    // SAFETY: the caller knows that this is a timedelta.
    let parts = unsafe {
        [
            ffi::PyDateTime_DELTA_GET_DAYS(object),
            ffi::PyDateTime_DELTA_GET_SECONDS(object),
            ffi::PyDateTime_DELTA_GET_MICROSECONDS(object),
        ]
    };
    absorb(mixer, &parts);
}

/// Whether a zone is `datetime.timezone.utc` itself.
pub fn is_utc(zone: Item) -> bool {
    // SAFETY: whoever made the zone has loaded the module; the table is null only before that.
    unsafe {
        let api = ffi::PyDateTimeAPI();
        !api.is_null() && (*api).TimeZone_UTC == zone.ptr()
    }
}

/// The time zone of a `datetime`; None if it is naive.
pub fn datetime_zone(item: Item) -> Option<Item> {
    // SAFETY: the caller knows that this is a datetime, which keeps its zone alive.
    zone(unsafe {
        NonNull::new(ffi::PyDateTime_DATE_GET_TZINFO(item.ptr())).map(|zone| Item::new(zone))
    })
}

/// The time zone of a `time`; None if it is naive.
pub fn time_zone(item: Item) -> Option<Item> {
    // SAFETY: the caller knows that this is a time, which keeps its zone alive.
    zone(unsafe {
        NonNull::new(ffi::PyDateTime_TIME_GET_TZINFO(item.ptr())).map(|zone| Item::new(zone))
    })
}

fn zone(found: Option<Item>) -> Option<Item> {
    found.filter(|zone| !zone.is_none())
}

fn absorb(mixer: &mut Mixer, parts: &[i32]) {
    for &part in parts {
        mixer.absorb(i64::from(part).cast_unsigned(), tag::MOMENT);
    }
}
