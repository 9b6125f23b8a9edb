// Numbers as people read them.

#ifndef CORRELATOR_CLI_HUMAN_UNITS_H_
#define CORRELATOR_CLI_HUMAN_UNITS_H_

#include <string>

namespace audio_latency::correlator {

// Three digits and the unit that suits: "310 µs", "41.2 ms", "1.23 s"; "?" for what is infinite, as
// the error bound of clocks of which nothing is known.
std::string FormatSeconds(double seconds);

// "99.5 %"; only what is exactly none or all is "0 %" or "100 %".
std::string FormatShare(double share);

// "12345": whole, without exponent.
std::string FormatCount(double count);

// How long before `now_unix_seconds`: "now", "12 s ago", "3 min ago", "5 h ago", "2 d ago"; "never"
// for time 0. A time ahead of now (the clocks of two machines) is "now".
std::string FormatAge(double unix_seconds, double now_unix_seconds);

}  // namespace audio_latency::correlator

#endif  // CORRELATOR_CLI_HUMAN_UNITS_H_
