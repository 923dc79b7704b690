// The part of NVIDIA's driver API that is called, with the process's own memory for the GPU's.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static int context, stream;

int cuInit(unsigned flags) { return flags != 0; }
int cuDeviceGetCount(int *count) { return *count = getenv("FAKE_NO_GPU") ? 0 : 1, 0; }
int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) { return *value = attribute == 75 ? 8 : 7, device; }
int cuDevicePrimaryCtxRetain(void **made, int device) { return *made = &context, device; }
int cuCtxSetCurrent(void *chosen) { return chosen == &context ? 0 : 201; }
int cuCtxSynchronize(void) { return 0; }
int cuStreamCreate(void **made, unsigned flags) { return *made = &stream, flags != 1; }
int cuStreamSynchronize(void *waited) { return waited == &stream ? 0 : 400; }
int cuMemAlloc_v2(uint64_t *place, size_t size) { return *place = (uint64_t)(uintptr_t)malloc(size), *place ? 0 : 2; }
int cuMemFree_v2(uint64_t place) { return free((void *)(uintptr_t)place), 0; }
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t size) { return memcpy((void *)(uintptr_t)to, from, size), 0; }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t size) { return memcpy(to, (void *)(uintptr_t)from, size), 0; }
