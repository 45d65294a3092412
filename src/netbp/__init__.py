"""netbp: deep learning for applied mathematicians.

The system of Higham & Higham, "Deep Learning: An Introduction for Applied Mathematicians":
`train(problem, method) -> run`.

A public name's module is loaded when the name is first used, so that the import itself costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netbp import data as data
    from netbp.activations import Activation as Activation
    from netbp.activations import identity as identity
    from netbp.activations import leaky_relu as leaky_relu
    from netbp.activations import relu as relu
    from netbp.activations import sigmoid as sigmoid
    from netbp.activations import step as step
    from netbp.activations import tanh as tanh
    from netbp.analysis.atlas import Atlas as Atlas
    from netbp.analysis.atlas import atlas as atlas
    from netbp.analysis.bands import Bands as Bands
    from netbp.analysis.bands import cost_bands as cost_bands
    from netbp.analysis.calibration import Calibration as Calibration
    from netbp.analysis.calibration import calibration as calibration
    from netbp.analysis.comparison import Comparison as Comparison
    from netbp.analysis.comparison import compare as compare
    from netbp.analysis.convergence import Convergence as Convergence
    from netbp.analysis.convergence import convergence as convergence
    from netbp.analysis.curvature import CurvatureReport as CurvatureReport
    from netbp.analysis.curvature import curvature as curvature
    from netbp.analysis.density import SpectralDensity as SpectralDensity
    from netbp.analysis.density import spectral_density as spectral_density
    from netbp.analysis.diffusion import Ensemble as Ensemble
    from netbp.analysis.diffusion import ensemble as ensemble
    from netbp.analysis.escape import Escapes as Escapes
    from netbp.analysis.escape import escape_times as escape_times
    from netbp.analysis.flow import EulerOrder as EulerOrder
    from netbp.analysis.flow import Flow as Flow
    from netbp.analysis.flow import euler_order as euler_order
    from netbp.analysis.flow import gradient_flow as gradient_flow
    from netbp.analysis.generalisation import GeneralisationCurve as GeneralisationCurve
    from netbp.analysis.generalisation import generalisation_curve as generalisation_curve
    from netbp.analysis.generalisation_families import Family as Family
    from netbp.analysis.generalisation_families import varied as varied
    from netbp.analysis.generalisation_stopping import StoppingAndPenalty as StoppingAndPenalty
    from netbp.analysis.generalisation_stopping import stopping_and_penalty as stopping_and_penalty
    from netbp.analysis.lanczos import Eigenvalues as Eigenvalues
    from netbp.analysis.lanczos import extreme_eigenvalues as extreme_eigenvalues
    from netbp.analysis.linear_features import DoubleDescent as DoubleDescent
    from netbp.analysis.linear_features import double_descent as double_descent
    from netbp.analysis.linear_filters import EarlyStopping as EarlyStopping
    from netbp.analysis.linear_filters import early_stopping as early_stopping
    from netbp.analysis.minima import Stationary as Stationary
    from netbp.analysis.minima import newton as newton
    from netbp.analysis.modes import Connection as Connection
    from netbp.analysis.modes import connect as connect
    from netbp.analysis.noise import GradientNoise as GradientNoise
    from netbp.analysis.noise import gradient_noise as gradient_noise
    from netbp.analysis.operators import gauss_newton as gauss_newton
    from netbp.analysis.operators import hessian as hessian
    from netbp.analysis.path import curvature_along as curvature_along
    from netbp.analysis.precision import Agreement as Agreement
    from netbp.analysis.precision import agreement as agreement
    from netbp.analysis.precision_bounds import ErrorBounds as ErrorBounds
    from netbp.analysis.precision_bounds import error_bound as error_bound
    from netbp.analysis.precision_engine import InPrecision as InPrecision
    from netbp.analysis.profiles import Profile as Profile
    from netbp.analysis.profiles import performance_profile as performance_profile
    from netbp.analysis.random_labels import RandomLabels as RandomLabels
    from netbp.analysis.random_labels import random_labels as random_labels
    from netbp.analysis.rates import RateRange as RateRange
    from netbp.analysis.rates import StabilityLimits as StabilityLimits
    from netbp.analysis.rates import rate_range_test as rate_range_test
    from netbp.analysis.rates import stability_limits as stability_limits
    from netbp.analysis.reliability import Reliability as Reliability
    from netbp.analysis.reliability import reliability as reliability
    from netbp.analysis.sampled import SampledSpectrum as SampledSpectrum
    from netbp.analysis.sampled import sampled_spectrum as sampled_spectrum
    from netbp.analysis.saturated import Saturated as Saturated
    from netbp.analysis.saturated import saturation_along as saturation_along
    from netbp.analysis.slices import Slice as Slice
    from netbp.analysis.slices import plane_of_path as plane_of_path
    from netbp.analysis.slices import plane_through as plane_through
    from netbp.analysis.slices import random_directions as random_directions
    from netbp.analysis.slices import slice_line as slice_line
    from netbp.analysis.slices import slice_plane as slice_plane
    from netbp.analysis.stability import Stability as Stability
    from netbp.analysis.stability import twin_runs as twin_runs
    from netbp.analysis.symmetry import Symmetries as Symmetries
    from netbp.analysis.symmetry import canonical as canonical
    from netbp.analysis.symmetry import nearest as nearest
    from netbp.analysis.symmetry import orbit as orbit
    from netbp.analysis.symmetry import symmetries as symmetries
    from netbp.analysis.timesteps import TimeSteps as TimeSteps
    from netbp.analysis.timesteps import trust_steps as trust_steps
    from netbp.analysis.trace import Estimate as Estimate
    from netbp.analysis.trace import trace as trace
    from netbp.analysis.trace import trace_plus_plus as trace_plus_plus
    from netbp.analysis.uncertainty import DropoutEnsemble as DropoutEnsemble
    from netbp.analysis.uncertainty import dropout_ensemble as dropout_ensemble
    from netbp.analysis.weak import LinearOrders as LinearOrders
    from netbp.analysis.weak import WeakErrors as WeakErrors
    from netbp.analysis.weak import linear_orders as linear_orders
    from netbp.analysis.weak import weak_errors as weak_errors
    from netbp.check import GradientCheck as GradientCheck
    from netbp.check import check_gradient as check_gradient
    from netbp.confusion import Confusion as Confusion
    from netbp.convolution import convolution_matrix as convolution_matrix
    from netbp.costs import Cost as Cost
    from netbp.costs import quadratic as quadratic
    from netbp.costs import softmax_log_loss as softmax_log_loss
    from netbp.engines.tensor import Tensor as Tensor
    from netbp.engines.tensor.export import to_torch as to_torch
    from netbp.engines.tensor.module import TorchNetwork as TorchNetwork
    from netbp.engines.tensor.onnx_graph import export_onnx as export_onnx
    from netbp.engines.tensor.weights import load_safetensors as load_safetensors
    from netbp.engines.tensor.weights import save_safetensors as save_safetensors
    from netbp.figures.style import style as style
    from netbp.layers import Conv as Conv
    from netbp.layers import Dense as Dense
    from netbp.layers import Dropout as Dropout
    from netbp.layers import Flatten as Flatten
    from netbp.layers import Flip as Flip
    from netbp.layers import Pool as Pool
    from netbp.matlab import MatlabRandom as MatlabRandom
    from netbp.methods.deterministic import LBFGS as LBFGS
    from netbp.methods.deterministic import NelderMead as NelderMead
    from netbp.methods.deterministic import NewtonCG as NewtonCG
    from netbp.methods.deterministic import TrustRegion as TrustRegion
    from netbp.methods.least_squares import LevenbergMarquardt as LevenbergMarquardt
    from netbp.methods.schedules import by_epoch as by_epoch
    from netbp.methods.schedules import by_step as by_step
    from netbp.methods.stochastic import SteepestDescent as SteepestDescent
    from netbp.methods.stochastic import StochasticGradient as StochasticGradient
    from netbp.network import Network as Network
    from netbp.network import glorot as glorot
    from netbp.network import he as he
    from netbp.problem import Problem as Problem
    from netbp.rules import adagrad as adagrad
    from netbp.rules import adam as adam
    from netbp.rules import momentum as momentum
    from netbp.rules import nesterov as nesterov
    from netbp.rules import rmsprop as rmsprop
    from netbp.rules import sgd as sgd
    from netbp.run import Run as Run
    from netbp.run import Series as Series
    from netbp.run import Snapshot as Snapshot
    from netbp.run import stream as stream
    from netbp.run import train as train
    from netbp.runfile import RunFileError as RunFileError
    from netbp.stopping import no_improvement as no_improvement
    from netbp.sweep import Multistart as Multistart
    from netbp.sweep import multistart as multistart
    from netbp.types import Data as Data
    from netbp.types import State as State

__version__ = "0.1.0"

PUBLIC = {
    "netbp.activations": "Activation identity leaky_relu relu sigmoid step tanh",
    "netbp.analysis.atlas": "Atlas atlas",
    "netbp.analysis.bands": "Bands cost_bands",
    "netbp.analysis.calibration": "Calibration calibration",
    "netbp.analysis.comparison": "Comparison compare",
    "netbp.analysis.convergence": "Convergence convergence",
    "netbp.analysis.curvature": "CurvatureReport curvature",
    "netbp.analysis.density": "SpectralDensity spectral_density",
    "netbp.analysis.diffusion": "Ensemble ensemble",
    "netbp.analysis.escape": "Escapes escape_times",
    "netbp.analysis.flow": "EulerOrder Flow euler_order gradient_flow",
    "netbp.analysis.generalisation": "GeneralisationCurve generalisation_curve",
    "netbp.analysis.generalisation_families": "Family varied",
    "netbp.analysis.generalisation_stopping": "StoppingAndPenalty stopping_and_penalty",
    "netbp.analysis.lanczos": "Eigenvalues extreme_eigenvalues",
    "netbp.analysis.linear_features": "DoubleDescent double_descent",
    "netbp.analysis.linear_filters": "EarlyStopping early_stopping",
    "netbp.analysis.minima": "Stationary newton",
    "netbp.analysis.modes": "Connection connect",
    "netbp.analysis.noise": "GradientNoise gradient_noise",
    "netbp.analysis.operators": "gauss_newton hessian",
    "netbp.analysis.path": "curvature_along",
    "netbp.analysis.precision": "Agreement agreement",
    "netbp.analysis.precision_bounds": "ErrorBounds error_bound",
    "netbp.analysis.precision_engine": "InPrecision",
    "netbp.analysis.profiles": "Profile performance_profile",
    "netbp.analysis.random_labels": "RandomLabels random_labels",
    "netbp.analysis.rates": "RateRange StabilityLimits rate_range_test stability_limits",
    "netbp.analysis.reliability": "Reliability reliability",
    "netbp.analysis.sampled": "SampledSpectrum sampled_spectrum",
    "netbp.analysis.saturated": "Saturated saturation_along",
    "netbp.analysis.slices": "Slice plane_of_path plane_through random_directions slice_line slice_plane",
    "netbp.analysis.stability": "Stability twin_runs",
    "netbp.analysis.symmetry": "Symmetries canonical nearest orbit symmetries",
    "netbp.analysis.timesteps": "TimeSteps trust_steps",
    "netbp.analysis.trace": "Estimate trace trace_plus_plus",
    "netbp.analysis.uncertainty": "DropoutEnsemble dropout_ensemble",
    "netbp.analysis.weak": "LinearOrders WeakErrors linear_orders weak_errors",
    "netbp.check": "GradientCheck check_gradient",
    "netbp.confusion": "Confusion",
    "netbp.convolution": "convolution_matrix",
    "netbp.costs": "Cost quadratic softmax_log_loss",
    "netbp.engines.tensor": "Tensor",
    "netbp.engines.tensor.export": "to_torch",
    "netbp.engines.tensor.module": "TorchNetwork",
    "netbp.engines.tensor.onnx_graph": "export_onnx",
    "netbp.engines.tensor.weights": "load_safetensors save_safetensors",
    "netbp.figures.style": "style",
    "netbp.layers": "Conv Dense Dropout Flatten Flip Pool",
    "netbp.matlab": "MatlabRandom",
    "netbp.methods.deterministic": "LBFGS NelderMead NewtonCG TrustRegion",
    "netbp.methods.least_squares": "LevenbergMarquardt",
    "netbp.methods.schedules": "by_epoch by_step",
    "netbp.methods.stochastic": "SteepestDescent StochasticGradient",
    "netbp.network": "Network glorot he",
    "netbp.problem": "Problem",
    "netbp.rules": "adagrad adam momentum nesterov rmsprop sgd",
    "netbp.run": "Run Series Snapshot stream train",
    "netbp.runfile": "RunFileError",
    "netbp.stopping": "no_improvement",
    "netbp.sweep": "Multistart multistart",
    "netbp.types": "Data State",
}
"""Every public name, by the module that defines it."""

MODULES = {name: module for module, names in PUBLIC.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """The public name, from its module, loaded now if it was not yet."""
    if name == "data":
        return import_module("netbp.data")
    if name not in MODULES:
        raise AttributeError(f"netbp has no {name!r}: its public names are {', '.join(sorted(MODULES))}, data")
    value = globals()[name] = getattr(import_module(MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES, "data"})
