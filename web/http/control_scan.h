#pragma once

#include <bit>

#include "web/http/characters.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace fluxor::web {

// The first byte in [at, end) that may not stand in a field value (CR, LF, NUL, any control but the tab, DEL), or
// `end`.
//
// It finds line ends and forbidden bytes at once, sixteen bytes at a time, since each byte of a head passes here.
inline const char* find_control(const char* at, const char* end) noexcept {
#if defined(__SSE2__)
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  const __m128i highest_control = _mm_set1_epi8(0x1f);
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, highest_control), bytes);  // unsigned bytes <= 0x1f
    const __m128i found = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), low), _mm_cmpeq_epi8(bytes, del));
    const auto places = static_cast<unsigned>(_mm_movemask_epi8(found));
    if (places != 0) return at + std::countr_zero(places);
  }
#endif
  while (at != end && is_value_char(*at)) ++at;
  return at;
}

}  // namespace fluxor::web
