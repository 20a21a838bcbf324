/* Succeeds if the library, shared or static, learned XOR. */
double consumer_learn_xor(void);

int main(void) {
    return consumer_learn_xor() == 1.0 ? 0 : 1;
}
