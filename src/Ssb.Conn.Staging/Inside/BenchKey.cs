namespace Ssb.Conn;

/// <summary>What the bench finds a peer by: the text of its address. A text that is there was checked when it came; only one that is not there
/// is read.</summary>
internal readonly struct BenchKey
{
    private readonly MultiserverAddress? _address;

    public BenchKey(MultiserverAddress address) => (Text, Hash, _address) = (address.Text, address.GetHashCode(), address);

    public BenchKey(string text) => (Text, Hash) = (text, MultiserverAddress.GetHashCode(text));

    public string Text { get; }

    public int Hash { get; }

    /// <summary>Whom the address names, which is valid.</summary>
    public FeedId? FeedId => _address is null ? MultiserverAddress.FeedIdOf(Text) : _address.FeedId;

    /// <summary>The address, or its text if that is all there is.</summary>
    /// <exception cref="ArgumentException">The address has more characters than that.</exception>
    /// <exception cref="FormatException">The text is no valid address of at most so many characters.</exception>
    public object Checked(int maxLength)
    {
        if (_address is null)
            return MultiserverAddress.IsValid(Text, maxLength) ? Text : MultiserverAddress.Parse(Text, maxLength); // which says why it is none
        return Text.Length <= maxLength ? _address : throw new ArgumentException(
            $"The address has {Text.Length:N0} characters, where at most {maxLength:N0} are allowed.");
    }
}
