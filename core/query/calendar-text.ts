/** Digits padded with zeros on the left. */
const pad = (value: number | bigint, length: number): string => String(value).padStart(length, '0');

/** Days since 1970-01-01 as `YYYY-MM-DD`; years past 9999 or before 0 carry a sign and six digits, as in ISO 8601. */
export function dateText(days: number): string {
  // Howard Hinnant, "chrono-compatible low-level date algorithms", civil_from_days.
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const day = dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1;
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  const year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0);
  return `${yearText(year)}-${pad(month, 2)}-${pad(day, 2)}`;
}

const yearText = (year: number): string =>
  year >= 0 && year <= 9999 ? pad(year, 4) : `${year < 0 ? '-' : '+'}${pad(Math.abs(year), 6)}`;

/** A fraction of a second in units of 10^-digits, without trailing zeros: `.5`, or nothing when it is zero. */
const fractionText = (fraction: bigint, digits: number): string =>
  fraction === 0n ? '' : `.${pad(fraction, digits).replace(/0+$/, '')}`;

/** Units of 10^-digits seconds since midnight as `HH:MM:SS.f`. */
export function timeText(units: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits);
  const seconds = Number(units / perSecond);
  const clock = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return clock.map((part) => pad(part, 2)).join(':') + fractionText(units % perSecond, digits);
}

/** Units of 10^-digits seconds since 1970-01-01 00:00 as `YYYY-MM-DDTHH:MM:SS.f`. */
export function timestampText(units: bigint, digits: number): string {
  const perDay = 86_400n * 10n ** BigInt(digits);
  const ofDay = ((units % perDay) + perDay) % perDay;
  return `${dateText(Number((units - ofDay) / perDay))}T${timeText(ofDay, digits)}`;
}

/** An ISO 8601 duration: `P14M3DT1.5S`. Parts may be negative; nothing at all is `PT0S`. */
export function durationText(months: number, days: number, units: bigint, digits: number): string {
  const perSecond = 10n ** BigInt(digits);
  const magnitude = units < 0n ? -units : units;
  const seconds = `${units < 0n ? '-' : ''}${magnitude / perSecond}${fractionText(magnitude % perSecond, digits)}S`;
  const date = `${months === 0 ? '' : `${months}M`}${days === 0 ? '' : `${days}D`}`;
  if (units === 0n && date !== '') return `P${date}`;
  return `P${date}T${seconds}`;
}
