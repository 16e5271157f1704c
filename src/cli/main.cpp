// The command `tauto`: reads the command line, runs one command, turns what it throws into one line on stderr
// and an exit code. The CPU is checked before anything here runs (cpu_guard.cpp).
#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <new>

#include "cli/commands.h"
#include "compile/pipeline.h"
#include "graph/graph.h"
#include "tauto/version.h"

namespace tauto::cli {

void put(const std::string& text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    fail("stdout: cannot write");
}

Allowed allowed_of(const std::string& option, const std::string& command) {
  return option.empty() ? Allowed() : Allowed::parse(option, command + ": --allow");
}

namespace {

constexpr char kExitCodes[] =
    "Exit codes: 0 done; 1 a mistake in a model or an input; 2 a mistake in the command line; 3 a fault in "
    "tauto; 4 not the same, or not shown to be; 70 this CPU cannot run tauto; 130 interrupted.";

constexpr char kCheckExamples[] =
    "Examples:\n"
    "  tauto check model.onnx               what is in it, and whether every node is supported\n"
    "  tauto check models/*.onnx            exit code 0 only if each of them can be loaded\n";

constexpr char kShowExamples[] =
    "Examples:\n"
    "  tauto show model.onnx                the graph that defines the model's results\n"
    "  tauto show model.onnx -o m.graph     the same as a file; big constants go to m.graph.side\n"
    "  tauto show m.graph                   reads that back\n"
    "  tauto show model.onnx --after fold_constants --ledger   what that pass made of it, and all it did\n"
    "  tauto show model.onnx --as onnx      the nodes as the file has them\n"
    "  tauto show m.graph --as onnx -o m.onnx   writes the graph as an ONNX model with the same results\n";

constexpr char kRunExamples[] =
    "Examples:\n"
    "  tauto run model.onnx --input x=x.npy --out results     writes results/NAME.npy for each output\n"
    "  tauto run model.onnx --inputs case.npz --out out.npz   arrays by the names of inputs and outputs\n"
    "  tauto run model.onnx --inputs test_data_set_0 --pb --out results   ONNX's own test data\n"
    "  tauto run model.onnx --random 1 --dim batch=2 --print  the same random inputs on every machine\n"
    "  tauto run model.onnx --random 1 --rep interval --print what any legal execution may return\n"
    "  tauto run model.onnx --random 1 --profile --repeat 20  where the time goes, kernel by kernel\n";

constexpr char kCompileExamples[] =
    "Examples:\n"
    "  tauto compile model.onnx                      which nodes are computed together\n"
    "  tauto compile model.onnx -o model.tauto       the graph with machine code for this CPU, as a file\n"
    "  tauto compile model.onnx --allow winograd --ledger   what was rewritten, under which contracts\n"
    "  tauto compile model.onnx --emit=loops         what each kernel computes\n"
    "  tauto compile model.onnx --dim N=1            the program for this size, as a run with it makes it\n"
    "  tauto compile model.onnx --emit=asm --kernel contract_12   its machine code\n"
    "  tauto compile model.onnx --emit=schedule > plans   tiles, lanes and threads of each kernel; to be "
    "edited,\n"
    "  tauto run model.onnx --random 1 --schedule plans --profile   and run: other speed, same bits\n";

constexpr char kProveExamples[] =
    "Contractions of integers and their thresholds against the float definition, by finite comparison: over\n"
    "all accumulators that the weights allow, neuron by neuron. Exit code 4 where something is not proved.\n"
    "Example:\n"
    "  tauto prove tfc_1w1a.onnx\n";

constexpr char kQuantizeExamples[] =
    "Options of integers: channel or tensor (scales of weights), affine or symmetric (activations), dynamic "
    "(their\n"
    "scales in each run), minmax, percentile:P or mse (their ranges), a8, a4, a2, a1 (their bits),\n"
    "weights=absmax, mse, twn or xnor (docs/quantization.md).\n"
    "Examples:\n"
    "  tauto quantize model.onnx --to int8 --data calib.npz -o q.onnx     QuantizeLinear and "
    "DequantizeLinear\n"
    "  tauto quantize model.onnx --to int8,percentile:99.99 --data calib.npz --plan m.plan\n"
    "  tauto run model.onnx --precision m.plan --random 1 --print         the same bits as q.onnx would "
    "give\n"
    "  tauto same model.onnx \"model.onnx --precision m.plan\" --data val.npz --decision top1\n";

constexpr char kSameExamples[] =
    "A and B: a model (ONNX, graph text, artifact), with options in quotes (\"m.onnx --isa avx2 --threads "
    "2\", "
    "--off STAGES, --interpret), or an outside implementation (onnxruntime:m.onnx, openvino:m.onnx).\n"
    "Examples:\n"
    "  tauto same m.onnx m.onnx                          is its machine code the program? by proof\n"
    "  tauto same a.onnx b.onnx --data val.npz --decision top1 --budget \"flips=0.5% confidence=95%\"\n"
    "  tauto same m.onnx onnxruntime:m.onnx --data val.npz   is each node of theirs a legal one?\n"
    "  tauto same m.onnx m.tauto --box property.vnnlib --sample uniform:1000 --decision argmin\n"
    "  tauto same a.onnx b.onnx --box property.vnnlib --epsilon 0.05   for every input, not for samples\n"
    "  tauto same --replay same.json                     runs the witness, or all of it, again\n";

std::vector<std::string> names_of_passes() {
  std::vector<std::string> names;
  for (const GraphPass& pass : graph_passes()) names.emplace_back(pass.name);
  return names;
}

std::string names_of_rewrites() {
  std::string s;
  for (const RoundingPass& p : rounding_passes()) s += cat(s.empty() ? "" : ", ", p.name);
  return s;
}

int dispatch(int argc, char** argv) {
  CLI::App app("Neural networks as programs with one exact meaning.", "tauto");
  app.require_subcommand(1);
  app.footer(std::string("Each command explains itself: tauto run --help\n") + kExitCodes);
  app.set_version_flag("--version", cat("tauto ", kVersion, ", semantics ", kSemanticsVersion));

  CheckOptions check_options;
  CLI::App* check_command = app.add_subcommand("check", "Say what is in models, and what is not supported");
  check_command->add_option("model", check_options.models, "ONNX files or graph texts")->required();
  check_command->footer(kCheckExamples);

  ShowOptions show_options;
  CLI::App* show_command = app.add_subcommand("show", "Print a model");
  show_command->add_option("model", show_options.model, "an ONNX file, a graph text or an artifact")
      ->required();
  show_command->add_option("--as", show_options.as, "graph (the default) or onnx")
      ->check(CLI::IsMember({"graph", "onnx"}));
  show_command->add_option("-o,--out", show_options.out, "the file to write instead of stdout");
  show_command->add_option("--after", show_options.after, "PASS: run the passes up to this one first")
      ->check(CLI::IsMember(names_of_passes()));
  show_command->add_flag("--ledger", show_options.ledger,
                         "print what the passes replaced, instead of the graph");
  const auto add_allow = [](CLI::App* c, std::string& allow) {
    c->add_option(
        "--allow", allow,
        cat("NAME,…: apply rewrites that change results within a stated bound: ", names_of_rewrites()));
  };
  const auto add_precision = [](CLI::App* c, std::string& precision, std::string& calibration) {
    c->add_option("--precision", precision,
                  "int8, int4, int2, int1, f16, bf16 or bf16.dp with options (see tauto quantize), a "
                  "FILE.plan; or auto, "
                  "auto:PRECISION: as many nodes as --require allows");
    c->add_option("--calibrate", calibration,
                  "FILE.npz: samples on which ranges of activations are measured");
  };
  add_allow(show_command, show_options.allow);
  add_precision(show_command, show_options.precision, show_options.calibration);
  show_command->footer(kShowExamples);

  ProveOptions prove_options;
  CLI::App* prove_command =
      app.add_subcommand("prove", "Prove, for every input, what was made of a network of few bits");
  prove_command->add_option("model", prove_options.model, "an ONNX file, a graph text or an artifact")
      ->required();
  prove_command->footer(kProveExamples);

  RunOptions run_options;
  uint64_t seed = 0;
  CLI::App* run_command = app.add_subcommand("run", "Evaluate a model");
  run_command->add_option("model", run_options.model, "an ONNX file, a graph text or an artifact")
      ->required();
  run_command
      ->add_option("--input", run_options.inputs,
                   "NAME=FILE, a .npy or .pb file for one input, or NAME='f32[2] {1, 2}'")
      ->take_all();
  run_command->add_option("--inputs", run_options.all_inputs,
                          "an .npz file, or a folder of .npy or .pb files");
  CLI::Option* random =
      run_command->add_option("--random", seed, "SEED: make the inputs that are not given from this number");
  run_command->add_option("--dim", run_options.dims, "SYMBOL=SIZE for --random and --schedule")->take_all();
  run_command->add_option("--out", run_options.out, "a folder, or an .npz file, for the outputs");
  run_command->add_flag("--pb", run_options.as_pb, "write ONNX's output_0.pb ... instead of .npy files");
  run_command
      ->add_option("--rep", run_options.rep,
                   "exact (the default), ideal (float64, unrounded) or interval (bounds)")
      ->check(CLI::IsMember({"exact", "ideal", "interval"}));
  run_command->add_flag("--print", run_options.print, "print the elements of the outputs");
  run_command->add_flag("--interpret", run_options.interpret, "run the interpreter instead of machine code");
  run_command->add_option("--threads", run_options.threads, "threads of machine code (1)")
      ->check(CLI::Range(1, 1024));
  run_command->add_flag("--profile", run_options.profile, "print how long each kernel took, and why");
  run_command->add_option("--profile-json", run_options.profile_json,
                          "FILE: write the last run in Chrome's trace format");
  run_command->add_option("--repeat", run_options.repeat, "N: profile as many runs, medians are printed (1)")
      ->check(CLI::Range(1, 1000000));
  run_command->add_option("--schedule", run_options.schedule,
                          "FILE: plans of kernels, as tauto compile --emit=schedule prints them");
  run_command->add_flag("--trust", run_options.trust,
                        "run an artifact's machine code even if this user's key did not sign it");
  add_allow(run_command, run_options.allow);
  add_precision(run_command, run_options.precision, run_options.calibration);
  run_command->footer(kRunExamples);

  CompileOptions compile_options;
  CLI::App* compile_command = app.add_subcommand("compile", "Compile a model and print what it becomes");
  compile_command->add_option("model", compile_options.model, "an ONNX file, a graph text or an artifact")
      ->required();
  compile_command
      ->add_option("--emit", compile_options.emit,
                   "kernels (the default), graph, loops, schedule, scheduled, vector or asm")
      ->check(CLI::IsMember({"kernels", "graph", "loops", "schedule", "scheduled", "vector", "asm"}));
  compile_command->add_option("--kernel", compile_options.kernel, "NAME: print only this kernel");
  compile_command->add_option("--schedule", compile_options.schedule,
                              "FILE: plans of kernels, as --emit=schedule prints them");
  compile_command->add_option("--dim", compile_options.dims, "SYMBOL=SIZE: the program for this size only")
      ->take_all();
  compile_command->add_option("-o,--out", compile_options.out,
                              "FILE: write an artifact, the graph with its machine code for this CPU");
  add_allow(compile_command, compile_options.allow);
  add_precision(compile_command, compile_options.precision, compile_options.calibration);
  compile_command->add_flag("--ledger", compile_options.ledger,
                            "print every rewrite of the compilation with its contract");
  compile_command->add_option(
      "--require", compile_options.require,
      "what has to be shown of it, else exit code 4: bitwise, numeric, or a decision with "
      "its budget (\"top1 flips=0.5% confidence=95%\")");
  compile_command->add_option("--data", compile_options.data, "samples for --require, as tauto same --data");
  compile_command->footer(kCompileExamples);

  QuantizeOptions quantize_options;
  CLI::App* quantize_command =
      app.add_subcommand("quantize", "Give a model's contractions other number systems");
  quantize_command->add_option("model", quantize_options.model, "an ONNX file")->required();
  quantize_command->add_option("--to", quantize_options.to,
                               "int8 (the default), int4, int2, int1, f16, bf16 or bf16.dp, and options "
                               "behind commas; or a FILE.plan");
  quantize_command->add_option(
      "--data", quantize_options.data,
      "an .npz file or a folder: samples along the first axis, for ranges of activations");
  quantize_command->add_option("-o,--out", quantize_options.out,
                               "FILE.onnx: the quantized model, for any runtime");
  quantize_command->add_option("--plan", quantize_options.plan,
                               "FILE.plan: what became of each node, for --precision");
  quantize_command->add_option("--keep", quantize_options.keep, "NODE: stays f32")->take_all();
  quantize_command
      ->add_option("--threads", quantize_options.threads, "threads of calibration and --measure (1)")
      ->check(CLI::Range(1, 1024));
  quantize_command->add_flag("--measure", quantize_options.measure,
                             "nodes that are slower than in f32 stay f32");
  quantize_command->add_option("--require", quantize_options.require,
                               "of --to auto: a decision with its budget (\"top1 flips=1% confidence=95%\")");
  quantize_command->add_option("--validate", quantize_options.validate,
                               "of --to auto: samples, one half to search on and one to verify on");
  quantize_command->footer(kQuantizeExamples);

  SameOptions same_options;
  CLI::App* same_command = app.add_subcommand("same", "Say in what sense two models are the same network");
  same_command->add_option("a", same_options.a, "the source");
  same_command->add_option("b", same_options.b, "what is to be the same");
  same_command->add_option("--data", same_options.data,
                           "an .npz file, or a folder of .npy files or pictures: samples along the first "
                           "axis, \"labels\" if there are");
  same_command->add_option("--box", same_options.box, "a VNN-LIB file: samples from its box");
  double epsilon = 0;
  CLI::Option* has_epsilon = same_command->add_option(
      "--epsilon", epsilon,
      "E: for every f32 input of --box, are all outputs of relu networks within E of each other?");
  same_command->add_option("--threads", same_options.threads, "of the search over the box (all cores)")
      ->check(CLI::Range(1, 1024));
  same_command
      ->add_option("--seconds", same_options.seconds,
                   "of processor time, so that a busy machine changes no verdict: end the search undecided "
                   "after these")
      ->check(CLI::Range(0.001, 1e9));
  same_command->add_option("--boxes", same_options.boxes, "end the search undecided after so many boxes")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 60));
  same_command->add_option("--state", same_options.state,
                           "FILE: where the search goes on from, and leaves what is undecided");
  same_command->add_option("--sample", same_options.sample,
                           "uniform:N[:LO:HI], or random:N (normal floats; random:8 without data)");
  same_command->add_option("--dim", same_options.dims, "SYMBOL=SIZE for random samples")->take_all();
  same_command
      ->add_option("--level", same_options.level, "decide only this one: bitwise, numeric or decision")
      ->check(CLI::IsMember({"bitwise", "numeric", "decision"}));
  same_command->add_option("--decision", same_options.decision,
                           "top1, topk:K, argmin, threshold:T, sequence, boxes:IOU, or a .py file");
  same_command->add_option("--output", same_options.output, "the output that decides (the first of floats)");
  same_command->add_option("--budget", same_options.budget, "\"flips=0.5% confidence=95%\"");
  same_command->add_flag("--stop-early", same_options.stop_early,
                         "look while samples come in, stop when the budget is decided");
  same_command->add_option("--deep", same_options.deep, "samples whose nodes and bits are looked at (4)")
      ->check(CLI::Range(1, 1000000));
  same_command->add_option("--proofs", same_options.proofs, "seconds for proofs of kernels (60)")
      ->check(CLI::Range(0.0, 1e9));
  same_command->add_option("--seed", same_options.seed, "of samples and orders (1)");
  same_command->add_option("--report", same_options.report, "FILE.html: a page, with FILE.json beside it");
  same_command->add_option("--json", same_options.json, "FILE: what was found, for programs and --replay");
  same_command->add_option("--replay", same_options.replay, "FILE that --json or --report wrote: again");
  same_command->footer(kSameExamples);

  const auto is_command = [&](const CLI::App* c) { return c->get_name() == argv[1]; };
  const auto commands = app.get_subcommands([](const CLI::App*) { return true; });
  if (argc > 1 && argv[1][0] != '-' && std::none_of(commands.begin(), commands.end(), is_command)) {
    std::fputs(cat("tauto: required check, compile, prove, quantize, run, same or show, got \"", argv[1],
                   "\" (see tauto --help)\n")
                   .c_str(),
               stderr);
    return kExitUsage;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    const auto chosen = app.get_subcommands();
    put((chosen.empty() ? app : *chosen[0]).help());
    return 0;
  } catch (const CLI::Success& e) {  // --version
    put(cat(e.what(), "\n"));
    return 0;
  } catch (const CLI::ParseError& e) {
    const auto chosen = app.get_subcommands();
    const std::string command = chosen.empty() ? "" : chosen[0]->get_name();
    const std::string line = cat("tauto: ", command, command.empty() ? "" : ": ", e.what(), " (see tauto ",
                                 command, command.empty() ? "" : " ", "--help)\n");
    std::fputs(line.c_str(), stderr);
    return kExitUsage;
  }
  if (random->count() > 0) run_options.seed = seed;
  if (has_epsilon->count() > 0) same_options.epsilon = epsilon;
  if (check_command->parsed()) return check(check_options);
  if (show_command->parsed()) return show(show_options);
  if (compile_command->parsed()) return compile(compile_options);
  if (quantize_command->parsed()) return quantize(quantize_options);
  if (same_command->parsed()) return same(same_options);
  if (prove_command->parsed()) return prove(prove_options);
  return run(run_options);
}

}  // namespace
}  // namespace tauto::cli

int main(int argc, char** argv) {
  const auto say = [](const std::string& what) { std::fputs(("tauto: " + what + "\n").c_str(), stderr); };
  try {
    return tauto::cli::dispatch(argc, argv);
  } catch (const tauto::Cancelled&) {
    say("interrupted");
    return tauto::cli::kExitInterrupted;
  } catch (const tauto::Error& e) {
    say(e.what());
    return tauto::cli::kExitError;
  } catch (const std::bad_alloc&) {
    say("required more memory than there is");
    return tauto::cli::kExitError;
  } catch (const std::exception& e) {
    say(std::string("internal error, please report it: ") + e.what());
    return tauto::cli::kExitInternal;
  }
}
