// tauto._cpu: asked by python/tauto/__init__.py before it loads _tauto, whose code needs x86-64-v3 from its
// first instruction on. problem() says why this CPU cannot run it, or None. Compiled for plain x86-64.
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "support/cpu_check.h"

static PyObject* problem(PyObject*, PyObject*) {
  const char* text = tauto::cpu_problem();
  if (text) return PyUnicode_FromString(text);
  Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"problem", problem, METH_NOARGS, "Why this CPU cannot run tauto, or None."},
    {nullptr, nullptr, 0, nullptr},
};

static PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "_cpu", nullptr, -1, methods, nullptr, nullptr, nullptr, nullptr,
};

PyMODINIT_FUNC PyInit__cpu() { return PyModule_Create(&module); }
