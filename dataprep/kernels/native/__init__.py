"""Kernels as machine code: made by numba once (`build`), kept on disk (`store`), loaded and called without it."""
