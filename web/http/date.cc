#include "web/http/date.h"

#include <chrono>
#include <cstddef>
#include <cstring>

namespace fluxor::web {
namespace {

constexpr char kWeekdays[] = "SunMonTueWedThuFriSat";
constexpr char kMonths[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::string_view kName = "date: ";

void write_two_digits(char* at, unsigned value) noexcept {
  at[0] = static_cast<char>('0' + value / 10);
  at[1] = static_cast<char>('0' + value % 10);
}

}  // namespace

ImfFixdate imf_fixdate(runtime::WallTime time) noexcept {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const hh_mm_ss clock{floor<seconds>(time) - day};
  // A WallTime counts nanoseconds in 64 bits: the year has four digits (1677 to 2262).
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

  ImfFixdate text;
  std::memcpy(text.data(), "???, ?? ??? ???? ??:??:?? GMT", text.size());
  std::memcpy(&text[0], &kWeekdays[weekday{day}.c_encoding() * std::size_t{3}], 3);
  write_two_digits(&text[5], static_cast<unsigned>(date.day()));
  std::memcpy(&text[8], &kMonths[(static_cast<unsigned>(date.month()) - 1) * std::size_t{3}], 3);
  write_two_digits(&text[12], year / 100);
  write_two_digits(&text[14], year % 100);
  write_two_digits(&text[17], static_cast<unsigned>(clock.hours().count()));
  write_two_digits(&text[20], static_cast<unsigned>(clock.minutes().count()));
  write_two_digits(&text[23], static_cast<unsigned>(clock.seconds().count()));
  return text;
}

std::string_view DateLine::at(runtime::WallTime now) noexcept {
  const std::int64_t second = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (second != second_) {  // also when the wall clock steps back
    const ImfFixdate text = imf_fixdate(now);
    std::memcpy(line_.data(), kName.data(), kName.size());
    std::memcpy(line_.data() + kName.size(), text.data(), text.size());
    std::memcpy(line_.data() + kName.size() + text.size(), "\r\n", 2);
    second_ = second;
  }
  return {line_.data(), line_.size()};
}

}  // namespace fluxor::web
