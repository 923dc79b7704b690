// Classifies rows: `classify MODEL FILE...`, one file for each input, which holds its rows one after the other as the
// bare numbers that the model takes; real numbers as 32-bit floats also where the model takes int8. Prints, for each row,
// the label, its confidence and the logits.
#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "classifier.hpp"

namespace {

std::vector<char> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::size_t row_bytes(const Input& input) { return input.scale > 0 ? input.bytes * sizeof(float) : input.bytes; }

// What the model takes: the bytes as they come, or the floats that they are, quantized.
std::vector<char> column(const Input& input, std::vector<char> bytes) {
  if (!(input.scale > 0)) return bytes;
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  const std::vector<std::int8_t> integers = quantized(input, values);
  return {integers.begin(), integers.end()};
}

void classify(const std::vector<std::string>& arguments) {
  const auto& inputs = Classifier::inputs;
  if (arguments.size() != inputs.size() + 1) {
    std::string usage = "give the model file and one file for each input:";
    for (const Input& input : inputs) usage += std::string(" ") + input.name;
    throw std::runtime_error(usage);
  }
  std::vector<std::vector<char>> columns;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    std::vector<char> bytes = read(arguments[i + 1]);
    const bool whole = bytes.size() % row_bytes(inputs[i]) == 0;
    columns.push_back(column(inputs[i], std::move(bytes)));
    if (!whole || columns[i].size() / inputs[i].bytes != columns[0].size() / inputs[0].bytes)
      throw std::runtime_error(arguments[i + 1] + " does not hold as many whole rows as " + arguments[1]);
  }
  Classifier classifier(arguments[0].c_str());
  for (std::size_t row = 0; row < columns[0].size() / inputs[0].bytes; ++row) {
    std::vector<const void*> values;
    for (std::size_t i = 0; i < inputs.size(); ++i) values.push_back(columns[i].data() + row * inputs[i].bytes);
    const Prediction found = classifier.classify(values);
    std::printf("%s\t%.3f", found.label.c_str(), found.confidence);
    for (float logit : found.logits) std::printf("\t%.9g", logit);
    std::printf("\n");
  }
}

}  // namespace

int main(int count, char** arguments) {
  try {
    classify({arguments + 1, arguments + count});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
