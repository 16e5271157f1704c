// The files of the report's page, in pieces that end with null; made at build time (embed.cmake).
#pragma once

namespace tauto::equivalence {

extern const char* const kPageStyle[];
extern const char* const kPageScript[];
extern const char* const kChartStyle[];  // uPlot's; empty where it was not there
extern const char* const kChartScript[];

}  // namespace tauto::equivalence
