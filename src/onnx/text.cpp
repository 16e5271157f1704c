// Operators on strings.
#include "onnx/conversion.h"

namespace tauto::onnx::convert {

void StringConcat(Conversion& c) { c.out(c.add(ops::string_concat, {c.in(0), c.in(1)})); }

void StringSplit(Conversion& c) {
  Attributes attributes{{"delimiter", c.attr_string("delimiter", "")}};
  if (c.has_attribute("maxsplit")) attributes.set("max_split", c.attr_int("maxsplit"));
  const Id r = c.add(ops::string_split, {c.in(0)}, std::move(attributes));
  c.out(0, c.b.item(r, 0));
  if (c.output_count() > 1) c.out(1, c.b.item(r, 1));
}

void StringNormalizer(Conversion& c) {
  c.out(c.add(ops::string_normalizer, {c.in(0)},
              {{"case", c.attr_string("case_change_action", "NONE")},
               {"stop_words", c.attr_strings("stopwords")},
               {"case_sensitive", c.attr_int("is_case_sensitive", 0)}}));
}

void RegexFullMatch(Conversion& c) {
  c.out(c.add(ops::regex_full_match, {c.in(0)}, {{"pattern", c.attr_string("pattern", "")}}));
}

void TfIdfVectorizer(Conversion& c) {
  Attributes a{{"mode", c.attr_string("mode", "")},           {"counts", c.attr_ints("ngram_counts")},
               {"indexes", c.attr_ints("ngram_indexes")},     {"min_length", c.attr_int("min_gram_length")},
               {"max_length", c.attr_int("max_gram_length")}, {"max_skip", c.attr_int("max_skip_count")}};
  if (c.has_attribute("pool_strings"))
    a.set("pool_strings", c.attr_strings("pool_strings"));
  else
    a.set("pool_ints", c.attr_ints("pool_int64s"));
  std::vector<double> weights;
  for (float w : c.attr_floats("weights")) weights.push_back(static_cast<double>(w));
  if (!weights.empty()) a.set("weights", std::move(weights));
  c.out(c.add(ops::tf_idf_vectorizer, {c.in(0)}, std::move(a)));
}

}  // namespace tauto::onnx::convert
