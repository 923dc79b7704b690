// A model of this bundle. The .cpp file that bears the model's name implements it in the model's runtime.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

struct Input {
  const char* name;
  std::size_t bytes;  // of one row
  float scale;        // of int8 that stands for real numbers, (value - zero_point) * scale; 0 for other inputs
  int zero_point;
};

struct Prediction {
  std::string label;
  float confidence;  // 0..1, calibrated by the model's temperature
  std::vector<float> logits;
};

// Real numbers as an input with a scale takes them.
std::vector<std::int8_t> quantized(const Input& input, const std::vector<float>& values);

class Classifier {
 public:
  static const std::vector<Input> inputs;
  static const std::vector<std::string> labels;
  static const float temperature;

  // Loads the model file. Throws std::runtime_error, here and below, with what the runtime says.
  explicit Classifier(const char* path);
  ~Classifier();

  // One row: a pointer for each of `inputs`, in their order, to as many bytes as it says.
  Prediction classify(const std::vector<const void*>& row);

 private:
  struct Runtime;
  std::vector<float> run(const std::vector<const void*>& row);
  std::unique_ptr<Runtime> runtime_;
};
