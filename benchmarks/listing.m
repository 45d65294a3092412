function listing(file)
  % LISTING  Stochastic gradient steps (15) on the 2-2-3-2 network of section 6, timed: the rival of benchmarks/listing.py.
  %
  % file: a .mat file with x (2,N), y (2,N), W2, W3, W4, b2, b3, b4, indices (1,K) counted from 1, eta and monitored.
  % Writes seconds and, when monitored, costs (1,K), Cost (9) after every step, into the same file. The cost of all points is
  % computed by matrices, not point by point, which is several times faster here.
  s = load(file);
  x = s.x; y = s.y; eta = s.eta; indices = double(s.indices); monitored = s.monitored;
  W2 = s.W2; W3 = s.W3; W4 = s.W4; b2 = s.b2(:); b3 = s.b3(:); b4 = s.b4(:);
  K = numel(indices);
  twice = 2 * columns(x);
  costs = zeros(1, K);
  tic;
  for k = 1:K
    i = indices(k);
    a1 = x(:, i);
    a2 = sigma(W2 * a1 + b2);
    a3 = sigma(W3 * a2 + b3);
    a4 = sigma(W4 * a3 + b4);
    d4 = eta * (a4 - y(:, i)) .* a4 .* (1 - a4);
    d3 = (W4.' * d4) .* a3 .* (1 - a3);
    d2 = (W3.' * d3) .* a2 .* (1 - a2);
    W2 -= d2 * a1.'; b2 -= d2;
    W3 -= d3 * a2.'; b3 -= d3;
    W4 -= d4 * a3.'; b4 -= d4;
    if monitored
      r = y - sigma(W4 * sigma(W3 * sigma(W2 * x + b2) + b3) + b4);
      costs(k) = sum(r(:) .^ 2) / twice;
    end
  end
  seconds = toc;
  save('-v7', file, 'seconds', 'costs');
end

function a = sigma(z)
  a = 1 ./ (1 + exp(-z));
end
