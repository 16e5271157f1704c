// The elementary functions of Tauto: one published expression tree each, exact to the bit on every machine.
// They are templates over the number (see vocabulary.h); errors are bounded in accuracy.h.
#pragma once

#include "ops/math/accuracy.h"
#include "ops/math/angle.h"
#include "ops/math/erf.h"
#include "ops/math/exp.h"
#include "ops/math/hyperbolic.h"
#include "ops/math/log.h"
#include "ops/math/pow.h"
#include "ops/math/tanh.h"
#include "ops/math/trig.h"
#include "ops/math/vocabulary.h"
