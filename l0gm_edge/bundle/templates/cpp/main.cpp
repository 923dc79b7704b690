// Classifies rows: `classify MODEL FILE...`, one file for each input, which holds its rows one after the other as the
// bare numbers that the model takes. Prints, for each row, the label, its confidence and the logits.
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include "classifier.hpp"

namespace {

std::vector<char> read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(file), {}};
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
    columns.push_back(read(arguments[i + 1]));
    if (columns[i].size() % inputs[i].bytes || columns[i].size() / inputs[i].bytes != columns[0].size() / inputs[0].bytes)
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
