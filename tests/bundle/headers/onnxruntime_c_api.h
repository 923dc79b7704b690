// The part of ONNX Runtime's C API that the generated consumer uses, so that tests can compile it against the library in
// the wheel, which brings no headers. The table of functions only ever grows at its end, so each keeps its place.
#pragma once
#include <stddef.h>
#include <stdint.h>

#define ORT_API_VERSION 16

struct OrtEnv;
struct OrtMemoryInfo;
struct OrtRunOptions;
struct OrtSession;
struct OrtSessionOptions;
struct OrtStatus;
struct OrtValue;

enum OrtLoggingLevel { ORT_LOGGING_LEVEL_WARNING = 2 };
enum OrtAllocatorType { OrtArenaAllocator = 1 };
enum OrtMemType { OrtMemTypeDefault = 0 };
enum ONNXTensorElementDataType {
  ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT = 1,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8 = 2,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT8 = 3,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT16 = 5,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT32 = 6,
  ONNX_TENSOR_ELEMENT_DATA_TYPE_INT64 = 7,
};

struct OrtApi {
  void* before_2[2];
  const char* (*GetErrorMessage)(const OrtStatus* status);
  OrtStatus* (*CreateEnv)(OrtLoggingLevel level, const char* name, OrtEnv** made);
  void* before_7[3];
  OrtStatus* (*CreateSession)(const OrtEnv* env, const char* path, const OrtSessionOptions* options, OrtSession** made);
  void* before_9[1];
  OrtStatus* (*Run)(OrtSession* session, const OrtRunOptions* options, const char* const* input_names,
                    const OrtValue* const* inputs, size_t inputs_count, const char* const* output_names,
                    size_t outputs_count, OrtValue** outputs);
  OrtStatus* (*CreateSessionOptions)(OrtSessionOptions** made);
  void* before_49[38];
  OrtStatus* (*CreateTensorWithDataAsOrtValue)(const OrtMemoryInfo* memory, void* data, size_t bytes,
                                               const int64_t* shape, size_t rank, ONNXTensorElementDataType type,
                                               OrtValue** made);
  void* before_51[1];
  OrtStatus* (*GetTensorMutableData)(OrtValue* value, void** data);
  void* before_69[17];
  OrtStatus* (*CreateCpuMemoryInfo)(OrtAllocatorType allocator, OrtMemType type, OrtMemoryInfo** made);
  void* before_92[22];
  void (*ReleaseEnv)(OrtEnv* released);
  void (*ReleaseStatus)(OrtStatus* released);
  void (*ReleaseMemoryInfo)(OrtMemoryInfo* released);
  void (*ReleaseSession)(OrtSession* released);
  void (*ReleaseValue)(OrtValue* released);
  void* before_100[3];
  void (*ReleaseSessionOptions)(OrtSessionOptions* released);
};

struct OrtApiBase {
  const OrtApi* (*GetApi)(uint32_t version);
  const char* (*GetVersionString)();
};

extern "C" const OrtApiBase* OrtGetApiBase();
