#include "litert_compiled_model.h"
