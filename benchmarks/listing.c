/* Listing 6.1's computation in C: stochastic gradient steps (15) on the 2-2-3-2 sigmoid network and, if asked, Cost (9) after each.

   Written for `benchmarks/listing.py`, which compiles it with gcc -O3 -march=native, sizes as constants, libm's exp.
   p holds W2(:), W3(:), W4(:), each column by column, then b2, b3, b4. */

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { n1 = 2, n2 = 2, n3 = 3, n4 = 2, N = 10 };

typedef struct {
    double W2[n1][n2], W3[n2][n3], W4[n3][n4]; /* W[k][j]: from neuron k to neuron j */
    double b2[n2], b3[n3], b4[n4];
} Parameters;

static inline double sigmoid(double z) { return 1.0 / (1.0 + exp(-z)); }

static inline void forward(const Parameters *p, const double *x, double *a2, double *a3, double *a4) {
    for (int j = 0; j < n2; j++) {
        double z = p->b2[j];
        for (int k = 0; k < n1; k++) z += p->W2[k][j] * x[k];
        a2[j] = sigmoid(z);
    }
    for (int j = 0; j < n3; j++) {
        double z = p->b3[j];
        for (int k = 0; k < n2; k++) z += p->W3[k][j] * a2[k];
        a3[j] = sigmoid(z);
    }
    for (int j = 0; j < n4; j++) {
        double z = p->b4[j];
        for (int k = 0; k < n3; k++) z += p->W4[k][j] * a3[k];
        a4[j] = sigmoid(z);
    }
}

static inline double cost(const Parameters *p, const double (*x)[n1], const double (*y)[n4]) {
    double sum = 0.0;
    for (int i = 0; i < N; i++) {
        double a2[n2], a3[n3], a4[n4];
        forward(p, x[i], a2, a3, a4);
        for (int j = 0; j < n4; j++) sum += (y[i][j] - a4[j]) * (y[i][j] - a4[j]);
    }
    return sum / (2 * N);
}

static inline void step(Parameters *p, const double *x, const double *y, double eta) {
    double a2[n2], a3[n3], a4[n4], delta2[n2], delta3[n3], delta4[n4];
    forward(p, x, a2, a3, a4);
    for (int j = 0; j < n4; j++) delta4[j] = a4[j] * (1.0 - a4[j]) * (a4[j] - y[j]);
    for (int j = 0; j < n3; j++) {
        double back = 0.0;
        for (int i = 0; i < n4; i++) back += p->W4[j][i] * delta4[i];
        delta3[j] = a3[j] * (1.0 - a3[j]) * back;
    }
    for (int j = 0; j < n2; j++) {
        double back = 0.0;
        for (int i = 0; i < n3; i++) back += p->W3[j][i] * delta3[i];
        delta2[j] = a2[j] * (1.0 - a2[j]) * back;
    }
    for (int j = 0; j < n2; j++) {
        for (int k = 0; k < n1; k++) p->W2[k][j] -= eta * delta2[j] * x[k];
        p->b2[j] -= eta * delta2[j];
    }
    for (int j = 0; j < n3; j++) {
        for (int k = 0; k < n2; k++) p->W3[k][j] -= eta * delta3[j] * a2[k];
        p->b3[j] -= eta * delta3[j];
    }
    for (int j = 0; j < n4; j++) {
        for (int k = 0; k < n3; k++) p->W4[k][j] -= eta * delta4[j] * a3[k];
        p->b4[j] -= eta * delta4[j];
    }
}

/* Take `steps` steps from p, step k with point indices[k]; costs, unless it is a null pointer, receives Cost after each. */
void train(double *flat, const double (*x)[n1], const double (*y)[n4], const int64_t *indices, int64_t steps, double eta, double *costs) {
    Parameters p;
    double xs[N][n1], ys[N][n4];
    memcpy(&p, flat, sizeof p);
    memcpy(xs, x, sizeof xs);
    memcpy(ys, y, sizeof ys);
    if (costs)
        for (int64_t k = 0; k < steps; k++) {
            step(&p, xs[indices[k]], ys[indices[k]], eta);
            costs[k] = cost(&p, xs, ys);
        }
    else
        for (int64_t k = 0; k < steps; k++) step(&p, xs[indices[k]], ys[indices[k]], eta);
    memcpy(flat, &p, sizeof p);
}
