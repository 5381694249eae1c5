"""The OpenBLAS kernels that suit a processor."""

from rpn2t.system.processor import choose_core

HASWELL = "flags\t\t: fpu sse2 avx fma avx2 bmi2\n"
SKYLAKE = "flags\t\t: fpu sse2 avx fma avx2 avx512f avx512dq avx512cd avx512bw avx512vl\n"


def test_core_by_the_processors_flags() -> None:
    assert choose_core(SKYLAKE, "x86_64") == "SKYLAKEX"
    assert choose_core(HASWELL, "x86_64") == "HASWELL"
    assert choose_core(SKYLAKE.replace("avx512vl", ""), "x86_64") == "HASWELL"
    assert choose_core("flags : fpu sse2 avx\n", "x86_64") is None
    assert choose_core("", "x86_64") is None
    assert choose_core(SKYLAKE, "aarch64") is None


def test_a_flag_is_a_whole_word() -> None:
    assert choose_core("flags : avx2x xfma fma4\n", "x86_64") is None
