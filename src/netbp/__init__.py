"""netbp: deep learning for applied mathematicians.

The system of Higham & Higham, "Deep Learning: An Introduction for Applied Mathematicians": `train(problem, method) -> run`.
"""

from netbp import data
from netbp.activations import Activation, identity, leaky_relu, relu, sigmoid, step, tanh
from netbp.costs import Cost, quadratic, softmax_log_loss
from netbp.matlab import MatlabRandom
from netbp.network import Network, glorot, he
from netbp.problem import Problem
from netbp.rules import adagrad, adam, momentum, nesterov, rmsprop, sgd
from netbp.types import Data, State

__version__ = "0.1.0"
