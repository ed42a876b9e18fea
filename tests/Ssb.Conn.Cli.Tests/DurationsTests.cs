namespace Ssb.Conn.Cli.Tests;

public class DurationsTests
{
    [Theory]
    [InlineData("1", 1)]
    [InlineData("30s", 30)]
    [InlineData("2m", 120)]
    [InlineData("1h", 3600)]
    [InlineData("720h", 2_592_000)]
    public void TryParse_WhatPeopleWrite_IsRead(string text, int seconds)
    {
        Assert.True(Durations.TryParse(text, out TimeSpan duration));
        Assert.Equal(TimeSpan.FromSeconds(seconds), duration);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("0")]
    [InlineData("0s")]
    [InlineData("-1")]
    [InlineData("1.5h")]
    [InlineData(" 5s")]
    [InlineData("5 s")]
    [InlineData("5S")]
    [InlineData("5d")]
    [InlineData("721h")]
    [InlineData("2147483647h")]
    [InlineData("99999999999")]
    public void TryParse_AnythingElse_IsRefused(string? text) => Assert.False(Durations.TryParse(text, out _));

    [Theory]
    [InlineData(-5, "0s")]
    [InlineData(99, "99s")]
    [InlineData(100, "1m")]
    [InlineData(5_999, "99m")]
    [InlineData(6_000, "1h")]
    [InlineData(360_000, "4d")]
    [InlineData(86_400_000, "99d")]
    public void Short_AnyDuration_FitsThreeCharacters(int seconds, string text)
    {
        Assert.Equal(text, Durations.Short(TimeSpan.FromSeconds(seconds)));
        Assert.True(text.Length <= 3);
    }

    [Theory]
    [InlineData(42, "0:42")]
    [InlineData(725, "12:05")]
    [InlineData(3_600, "1:00:00")]
    public void Clock_AnyDuration_ReadsLikeAClock(int seconds, string text) => Assert.Equal(text, Durations.Clock(TimeSpan.FromSeconds(seconds)));
}
