/* The main program of libFuzzer's: starts an interpreter, and hands each input to target.pyx's function.
 *
 * The modules that are tested are Python's extension modules, built with sanitizers and coverage; they are found
 * by PYTHONPATH. The function itself calls nothing of Python's.
 */
#include <Python.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static int (*fuzz_request)(const uint8_t *, size_t);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    Py_InitializeEx(0);
    PyObject *module = PyImport_ImportModule("target");
    PyObject *functions = module ? PyObject_GetAttrString(module, "__pyx_capi__") : NULL;
    PyObject *capsule = functions ? PyDict_GetItemString(functions, "fuzz_request") : NULL;
    void *function = capsule ? PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule)) : NULL;
    if (!function) {
        PyErr_Print();
        fprintf(stderr, "the fuzz target is not importable; see PYTHONPATH\n");
        exit(1);
    }
    fuzz_request = (int (*)(const uint8_t *, size_t))function;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) { return fuzz_request(data, size); }
