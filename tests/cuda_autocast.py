"""CUDA's rules of autocast for the pretended device: the lists are read in torch's own header."""

import re
from functools import partial
from pathlib import Path

import torch
from pretended_device import NAME

_HEADER = Path(torch.__file__).parent / "include/ATen/autocast_mode.h"
_KEYS = torch._C.DispatchKeySet(torch._C.DispatchKey.AutocastPrivateUse1)


def register():
    """Let autocast treat the device as it treats CUDA; the returned libraries should be kept."""
    rest, library = torch.library.Library("_", "IMPL"), torch.library.Library("aten", "IMPL")
    rest.fallback(torch.library.fallthrough_kernel, "AutocastPrivateUse1")
    for macro, policy in (
        ("LOWER_PRECISION_FP", _lower),
        ("FP32", _float32),
        ("FP32_SET_OPT_DTYPE", _set_dtype),
        ("PROMOTE", _widest),
    ):
        for name, overload in listed(macro):
            func = getattr(getattr(torch.ops.aten, name), overload)
            library.impl(
                f"{name}.{overload}".removesuffix(".default"), partial(_run, policy, func), "AutocastPrivateUse1"
            )
    return rest, library


def listed(macro):
    """The operations of one list, each with its overload."""
    body = re.search(rf"#define AT_FORALL_{macro}\(_\)((?:.*\\\n)*.*)", _HEADER.read_text())[1]
    return [(name, overload or "default") for name, overload in re.findall(r"_\((\w+)(?:, (\w+))?\)", body)]


def _run(policy, func, *args, **kwargs):
    with torch._C._ExcludeDispatchKeyGuard(_KEYS):
        args, kwargs = policy(func, args, kwargs)
        return func(*args, **kwargs)


def _lower(func, args, kwargs):
    return _cast((args, kwargs), torch.get_autocast_dtype(NAME))


def _float32(func, args, kwargs):
    return _cast((args, kwargs), torch.float32)


def _set_dtype(func, args, kwargs):
    place = [argument.name for argument in func._schema.arguments].index("dtype")
    if not _eligible(args[0]) or kwargs.get("dtype") is not None or len(args) > place:
        return args, kwargs
    return args, {**kwargs, "dtype": torch.float32}


def _widest(func, args, kwargs):
    found = [each.dtype for each in torch.utils._pytree.tree_leaves((args, kwargs)) if _eligible(each)]
    return _cast((args, kwargs), torch.float32 if torch.float32 in found else torch.get_autocast_dtype(NAME))


def _cast(values, dtype):
    return torch.utils._pytree.tree_map(lambda each: each.to(dtype) if _eligible(each) else each, values)


def _eligible(value):
    if not isinstance(value, torch.Tensor) or value.device.type != NAME:
        return False
    return value.is_floating_point() and value.dtype != torch.float64
