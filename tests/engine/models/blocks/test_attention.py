import pytest
import torch

from engine.models.blocks import ChannelAttention3d, ConvBlockAttention3d, SelfAttention3d
from tests.engine.models.counting import parameters

X = torch.randn(2, 8, 3, 4, 5, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("channels", "count"), [(192, 9_902), (96, 5_294), (48, 2_990)])
def test_block_attention_has_the_papers_number_of_parameters(channels, count):
    with torch.device("meta"):
        attention = ConvBlockAttention3d(channels, 24)
    assert parameters(attention) == count


def test_block_attention_without_weights_takes_a_quarter():
    attention = ConvBlockAttention3d(8, 4)
    with torch.no_grad():
        for parameter in attention.parameters():
            parameter.zero_()
    torch.testing.assert_close(attention(X), X / 4)  # two sigmoids of 0


def test_block_attention_weighs_channels_first_and_places_by_what_is_left():
    torch.manual_seed(0)
    attention = ConvBlockAttention3d(8, 4)
    mean, most = X.mean((2, 3, 4)), X.amax((2, 3, 4))
    by_channel = torch.sigmoid(attention.channel(mean) + attention.channel(most))
    left = X * by_channel.view(2, 8, 1, 1, 1)
    over_channels = torch.stack([left.mean(1), left.amax(1)], dim=1)
    expected = left * torch.sigmoid(attention.place(over_channels))
    torch.testing.assert_close(attention(X), expected)


def test_the_channels_of_a_group_share_one_weight():
    torch.manual_seed(0)
    attention = ChannelAttention3d(8, scale=False)
    shares = (attention(X) / X)[:, :, 0, 0, 0]
    torch.testing.assert_close(shares.sum(1), torch.ones(2))
    assert shares.std() > 0


def test_scaling_undoes_the_shrinking_of_the_softmax():
    torch.manual_seed(0)
    attention, scaled = ChannelAttention3d(8, scale=False), ChannelAttention3d(8, scale=True)
    scaled.load_state_dict(attention.state_dict())
    torch.testing.assert_close(scaled(X), 8 * attention(X))
    assert 0.7 < (scaled(X) / X).min() < (scaled(X) / X).max() < 1.4


def test_channel_attention_is_the_softmax_of_a_sigmoid_of_two_perceptrons():
    torch.manual_seed(0)
    attention = ChannelAttention3d(8, scale=False)
    both = attention.of_mean(X.mean((2, 3, 4))) + attention.of_max(X.amax((2, 3, 4)))
    expected = X * torch.softmax(torch.sigmoid(both), dim=1).view(2, 8, 1, 1, 1)
    torch.testing.assert_close(attention(X), expected)


def test_self_attention_is_the_identity_at_first():
    assert torch.equal(SelfAttention3d(8)(X), X)


def test_self_attention_of_the_papers_width_has_its_number_of_parameters():
    with torch.device("meta"):
        assert parameters(SelfAttention3d(192)) == 46_321


def test_self_attention_gathers_from_every_place_by_likeness():
    torch.manual_seed(0)
    attention = SelfAttention3d(8)
    with torch.no_grad():
        attention.gamma.fill_(0.7)
    made = attention(X).flatten(2)
    query, key, value = (part(X) for part in (attention.query, attention.key, attention.value))
    for batch in range(2):
        asked, keys, values = (part[batch].flatten(1) for part in (query, key, value))
        for place in (0, 17, 59):
            share = torch.softmax(torch.stack([asked[:, place] @ k for k in keys.T]), dim=0)
            expected = X[batch].flatten(1)[:, place] + 0.7 * (values * share).sum(1)
            torch.testing.assert_close(made[batch, :, place], expected)


@pytest.mark.parametrize(
    "attention",
    [ConvBlockAttention3d(8, 4), ChannelAttention3d(8, scale=True), SelfAttention3d(8)],
    ids=lambda part: type(part).__name__,
)
def test_weights_are_made_in_single_precision_whatever_the_features_are(attention):
    if isinstance(attention, SelfAttention3d):
        attention.gamma.data.fill_(1.0)
    with torch.inference_mode():
        exact = attention(X)
        with torch.autocast("cpu", torch.bfloat16):
            made = attention(X.bfloat16())
    assert made.dtype == torch.bfloat16
    torch.testing.assert_close(made.float(), exact, atol=0.03, rtol=0.03)


def test_the_mean_of_many_half_precision_numbers_is_not_lost():
    x = torch.full((1, 2, 20, 20, 20), 0.1, dtype=torch.bfloat16)
    attention = ConvBlockAttention3d(2, 2)
    seen = []
    attention.channel.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    attention.bfloat16()(x)
    torch.testing.assert_close(seen[0].float(), torch.full((1, 2), 0.1), atol=1e-3, rtol=0)
